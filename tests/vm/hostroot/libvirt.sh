#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In an emulated host whose root is the real machine's: libvirtd, a domain that boots Linux by real
# KVM with both vCPUs on one CPU, and the agent. The guest's own steal clock is the oracle of ready
# time, libvirt's count of KVM exits that of the exits.
#
# oracle: vm_cpu_core_ready_seconds_total: steal in the guest's own /proc/stat
# oracle: vm_cpu_core_exits_total: exits.sum of virsh domstats
#
#   libvirt.sh TOP BUILD GUEST-KERNEL GUEST-IMAGE
set -u
TOP=$1 BUILD=$2 guest_kernel=$3 guest_image=$4
export PATH=$BUILD:$BUILD/tests/vm:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C.UTF-8
stty -F /dev/ttyS1 raw
exec 9>/dev/ttyS1 2>&1
# shellcheck disable=SC2034 # read by libvirtd.sh
LIBVIRTD_QEMU_CONF='namespaces = []'
# shellcheck source=tests/vm/lib.sh
. "$TOP/tests/vm/lib.sh"
# shellcheck source=tests/e2e/lib/libvirtd.sh
. "$TOP/tests/e2e/lib/libvirtd.sh"
# shellcheck source=tests/e2e/lib/domain.sh
. "$TOP/tests/e2e/lib/domain.sh"
console=$work/guest.console

# Seconds of steal that the guest's CPU $1 had counted at its load's begin or end ($2).
guest_steal() {
	sed -n "s/^GUEST-LOAD $2 .*cpu$1 \([^;]*\);.*/\1/p" $console | awk '{ print $8 / 100 }'
}

domstat() {
	virsh_ domstats --vcpu fight | sed -n "s/^ *$1=//p"
}

# The domain is paused at both ends of the window: nothing counts on while readings are taken.
window_edge() {
	virsh_ suspend fight >/dev/null
	agent_settle
	for id in 0 1; do domstat "vcpu.$id.exits.sum"; done >"$work/exits.$1"
	cp $work/now "$work/edge.$1"
}

exits_grown() {
	paste "$work/exits.then" "$work/exits.now" | awk -v row="$(($1 + 1))" 'NR == row { print $2 - $1 }'
}

run_guest() {
	domain_xml fight type=kvm vcpus=2 mem=128 kernel="$guest_kernel" initrd="$guest_image" \
		append="burn=2 wait=10 for=12" serial=$console \
		cputune="<vcpupin vcpu='0' cpuset='1'/><vcpupin vcpu='1' cpuset='1'/><emulatorpin cpuset='0'/>" \
		>$work/fight.xml
	virsh_ create $work/fight.xml || return
	echo "domain created, $(cut -d' ' -f1 /proc/uptime)"
	await 100 grep -q 'GUEST-LOAD begin' $console || return
	window_edge "then"
	if grep -q 'GUEST-LOAD start' $console; then
		echo "this machine is too busy: the load began before the domain was paused"
		return 1
	fi
	echo "window open, $(cut -d' ' -f1 /proc/uptime)"
	virsh_ resume fight >/dev/null
	await 60 grep -q 'GUEST-LOAD end' $console || return
	window_edge now
	cp $work/edge.then $work/then
}

check_vcpu() {
	local vcpu="vm=\"fight\" vcpu=\"$1\"" steal ready guest hypervisor
	steal=$(calc "$(guest_steal "$1" end) - $(guest_steal "$1" begin)")
	ready=$(metric_grown vm_cpu_core_ready_seconds_total "$vcpu")
	near "ready of vCPU $1 against the guest's steal clock" "$ready" "$steal" 2 s
	near "exits of vCPU $1 against domstats" "$(metric_grown vm_cpu_core_exits_total "$vcpu")" \
		"$(exits_grown "$1")" 0.1 exits
	guest=$(metric_grown vm_cpu_core_guest_seconds_total "$vcpu")
	hypervisor=$(metric_grown vm_cpu_core_hypervisor_seconds_total "$vcpu")
	near "guest + hypervisor = run of vCPU $1" "$(calc "$guest + $hypervisor")" \
		"$(metric_grown vm_cpu_core_run_seconds_total "$vcpu")" 1 s
}

main() {
	# The vCPUs have CPU 1 for themselves, so that nothing but their own fight is measured.
	taskset -pc 0 $$ >/dev/null
	libvirtd_start /run/lv || return
	agent_start --detail detailed --uri "$LIBVIRT_URI" || return
	if ! run_guest; then
		cat $console
		fail "guest" "it did not come as far as it should: $(tail -n 1 $console)"
		return 1
	fi
	check_vcpu 0
	check_vcpu 1
	near "named by libvirt" "$(metric now vm_info 'vm="fight"')" 1 0 series
	agent_stop
	libvirtd_stop
}

main
echo "time libvirt 0 $(cut -d' ' -f1 /proc/uptime)" >&9
echo "end" >&9
