#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Discovery and the libvirt provider against a real libvirtd with QEMU domains, beside raw QEMUs:
# each VM is there once, with the threads that libvirt itself knows and the numbers that virsh
# shows; changes are seen by events; no domain is tainted.
set -uo pipefail
# shellcheck source=tests/e2e/lib/libvirtd.sh
. "$TOP/tests/e2e/lib/libvirtd.sh"
# shellcheck source=tests/e2e/lib/domain.sh
. "$TOP/tests/e2e/lib/domain.sh"
# shellcheck source=tests/e2e/lib/watch.sh
. "$TOP/tests/e2e/lib/watch.sh"

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
dir=$TEST_TMP/lv
uuid=2c1d4e6f-0000-4000-8000-00000000a001
raw_uuid=2c1d4e6f-0000-4000-8000-00000000b001
raws=()

cleanup() {
	local pid
	for pid in "${raws[@]}"; do kill -9 "$pid" 2>/dev/null; done
	libvirtd_stop
}
trap cleanup EXIT

# raw_qemu ARG...: a QEMU of nobody's, paused.
raw_qemu() {
	qemu-system-x86_64 -accel tcg -S -m 16 -nodefaults -display none "$@" </dev/null &
	raws+=($!)
}

metadata="<nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'>
<nova:name>shop</nova:name><nova:flavor name='m1.tiny'/>
<nova:owner><nova:project uuid='p-1'>retail</nova:project></nova:owner></nova:instance>"

status_of() {
	cat "$dir/run/libvirt/qemu/$1.xml"
}

vcpu_tids() {
	status_of "$1" | sed -n "s/.*<vcpu id='[0-9]*' pid='\([0-9]*\)'.*/\1/p" | sort -n | tr '\n' ' '
}

# The threads of a VM as vmwatch tells them: [tid, role, vcpu, comm]; role 1 is a vCPU.
seen_vcpu_tids() {
	tail -n 1 "$TEST_TMP/watch" | python3 -c '
import json, sys
vm = next(v for v in json.load(sys.stdin)["vms"] if v["name"] == sys.argv[1])
print(*sorted(t[0] for t in vm["threads"] if t[1] == 1), end=" ")' "$1"
}

same_vcpus() {
	local theirs ours
	theirs=$(vcpu_tids "$1") ours=$(seen_vcpu_tids "$1")
	[ -n "$theirs$ours" ] && [ "$theirs" = "$ours" ] && return 0
	echo "# libvirt: $theirs, seen: $ours"
	return 1
}

# Every number that virsh domstats shows of a paused domain, against what the provider told.
same_stats() {
	virsh_ domstats "$1" >"$TEST_TMP/domstats"
	tail -n 1 "$TEST_TMP/watch" | python3 "$TOP/tests/e2e/lib/domstats.py" "$1" "$TEST_TMP/domstats"
}

taints() {
	status_of "$1" | grep -o "taint flag='[^']*'" | sort -u | tr '\n' ' '
}

untainted_by_us() {
	[ "$(taints "$1")" = "$2" ] || { echo "# tainted: $(taints "$1"), before: $2"; return 1; }
}

# --- no libvirtd yet --------------------------------------------------------------------------
LIBVIRT_URI="qemu:///system?socket=$dir/sock/libvirt-sock"
raw_qemu -name guest=raw-a,debug-threads=on -uuid $raw_uuid -smp 2
raw_qemu -name raw,,comma
raw_qemu
watch_start "$LIBVIRT_URI" 1000
expect "raw QEMUs are listed without libvirtd" \
	"vm('raw-a')['uuid'] == '$raw_uuid' and vm('raw,comma') and [v['name'] for v in vms if v['pid'] == ${raws[2]}] == ['qemu-system-x86_64-' + v['uuid'][:8] for v in vms if v['pid'] == ${raws[2]}] != []"
expect "their vCPUs are known by their names" "vm('raw-a')['vcpus'] == 2 and vm('raw-a')['tcg']"
expect "libvirt is said to be down, and why" \
	"not libvirt()['up'] and 'sock/libvirt-sock' in libvirt()['error']"

libvirtd_start "$dir" || exit 1
expect "libvirt is up once libvirtd runs" "libvirt()['up'] and not libvirt()['error']"
watch_stop

# --- domains; from here on the interval is long, so that only events can tell in time -------------
watch_start "$LIBVIRT_URI" 600000
expect "connected" "libvirt()['up'] and proc()['up']"
truncate -s 64M "$TEST_TMP/disk.raw"
qemu-img create -q -f qcow2 "$TEST_TMP/disk.qcow2" 128M
domain_xml v1 uuid=$uuid mem=64 vcpus=2/3 "disk=$TEST_TMP/disk.raw" \
	"disk=$TEST_TMP/disk.qcow2,qcow2" tap=kltap0 agent=1 "metadata=$metadata" >"$TEST_TMP/v1.xml"
domain_xml v2 mem=64 vcpus=1 >"$TEST_TMP/v2.xml"
virsh_ create "$TEST_TMP/v1.xml" >/dev/null || exit 1
expect "a new domain is seen by its event" \
	"vm('v1')['uuid'] == '$uuid' and vm('v1')['provider'] == 'libvirt'"
virsh_ create "$TEST_TMP/v2.xml" >/dev/null || exit 1
expect "and the next one" "vm('v2')"
before=$(taints v1)
expect "with its process and vCPUs" \
	"vm('v1')['pid'] == $(cat "$dir/run/libvirt/qemu/v1.pid") and vm('v1')['vcpus'] == 2"
check "whose threads are those that libvirt knows" same_vcpus v1
expect "IO threads, but not the monitor's, have their role" \
	"[t[3] for t in vm('v1')['threads'] if t[1] == 3] == ['IO iothread1']"
expect "each VM is there once" \
	"sorted(names()) == sorted(set(names())) and len({v['pid'] for v in vms}) == len(vms)"
expect "the platform's labels are there" \
	"vm('v1')['info']['nova_project'] == 'retail' and vm('v1')['info']['nova_flavor'] == 'm1.tiny'"
virsh_ metadata v1 urn:kvmlens:labels --key k --live --set \
	"<labels><label name='team'>db \"7\"</label></labels>" >/dev/null
expect "a label set later is seen by its event" "vm('v1')['info'].get('team') == 'db \"7\"'"
virsh_ suspend v1 >/dev/null
expect "a pause is seen by its event" "vm('v1')['state'] == 2"
watch_stop

# --- numbers; where libvirtd's status files are, as on a host with one libvirtd --------------------
watch_start "$LIBVIRT_URI" 1000 nsenter --target "$LIBVIRTD_PID" --mount --
expect "statistics have come" "'cpu_ns' in vm('v1')['stats'] and len(vm('v1')['stats']['disks']) == 2"
check "they are what virsh domstats shows" same_stats v1
expect "disks have their alias, interfaces their address" \
	"vm('v1')['stats']['disks'][0]['alias'] == 'virtio-disk0' and \
	 vm('v1')['stats']['nics'][0]['mac'] == '$(virsh_ domiflist v1 | awk '$1 == "kltap0" {print $5}')'"
virsh_ resume v1 >/dev/null
virsh_ setvcpus v1 3 --live
expect "a vCPU plugged in is seen" "vm('v1')['vcpus'] == 3"
check "and is the one that libvirt knows" same_vcpus v1
virsh_ blockcopy v1 vda "$TEST_TMP/copy.raw" --transient-job --bytes --bandwidth 65536 >/dev/null
expect "during a block job its disks are counted all the same" \
	"len(vm('v1')['stats']['disks']) == 2 and 'rss' in vm('v1')['stats']['memory'] and \
	 vm('v1')['stats']['disks'][0]['read_ops'] >= $(virsh_ domblkstat v1 vda | awk '$2 == "rd_req" {print $3}')"
virsh_ blockjob v1 vda --abort
expect "and afterwards as well" "len(vm('v1')['stats']['disks']) == 2"
virsh_ destroy v2 >/dev/null
expect "a domain that was destroyed is gone" "'v2' not in names()"
check "nothing tainted the domain" untainted_by_us v1 "$before"
mark
sleep 3
expect_always "no VM was ever there twice" "len({v['uuid'] for v in vms}) == len(vms)"
watch_stop
watch_done
