# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Two VMs fight for one CPU beside an idle one: ready time against the kernel's run_delay of the same window, and the
# parts of each vCPU's wall time sum up to it.
#
# oracle: vm_cpu_core_ready_seconds_total: run_delay in schedstat
# oracle: vm_cpu_core_run_seconds_total vm_cpu_core_halted_seconds_total vm_cpu_core_other_seconds_total: with ready time they sum to wall time
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

mini_start 3 --vcpus 1 --pin 1 --name mini3 || exit
mini_start 4 --vcpus 1 --pin 1 --name mini4 || exit
agent_start --detail detailed || exit
mark 3 4
idle_of_0() {
	awk '$1 == "cpu0" { print $5 + $6 }' /proc/stat
}
idle=$(idle_of_0)
mini_do "spin 4000" 3 4
idle=$(calc "$(minus "$(idle_of_0)" "$idle") / 400")
agent_settle

for id in 3 4; do
	vcpu="vm=\"mini$id\" vcpu=\"0\""
	ready=$(metric_grown_ns vm_cpu_core_ready_seconds_total "$vcpu")
	steal=$(metric_grown_ns vm_cpu_core_steal_seconds_total "$vcpu")
	near "ready time of mini$id" "$ready" "$(mini_grown $id 0 delay)" 0.001 ns
	if is_true "$steal > 0 && $steal <= $ready"; then
		ok "steal of mini$id is a part of ready" "$steal of $ready ns"
	else
		fail "steal of mini$id is a part of ready" "$steal of $ready ns"
	fi
	if is_true "$ready > 1e9"; then
		ok "mini$id waited" "$(calc "$ready / 1e9") s"
	else
		fail "mini$id waited" "only $(calc "$ready / 1e9") s: this window proves nothing"
	fi
	parts=0
	for part in run ready halted other; do
		parts="$parts + $(metric_grown "vm_cpu_core_${part}_seconds_total" "$vcpu")"
	done
	near "parts of mini$id sum to wall time" "$(calc "$parts")" "$(wall_grown)" 0.5 s
done
# The other CPU had little to do: that they may not use it is what holds them up.
ready=$(metric_grown_ns vm_cpu_ready_cause_seconds_total 'vm="mini3"')
pinning=$(metric_grown_ns vm_cpu_ready_cause_seconds_total 'vm="mini3" cause="pinning"')
kvmlens why mini3 --since 8s --format json >$work/why
cat $work/why
named=$(grep -o '"rule":"cpu[^"]*"' $work/why | head -n 1)
if is_true "$idle < 0.5"; then
	ok "pinning" "not judged: the other CPU idled for $idle of it only"
elif is_true "$pinning > 0.4 * $ready"; then
	ok "pinning" "$pinning of $ready ns, the other CPU idled for $idle of it"
else
	fail "pinning" "$pinning of $ready ns, the other CPU idled for $idle of it"
fi
if is_true "$pinning < 0.65 * $ready"; then
	ok "why names the pinning" "not judged: it is $pinning of $ready ns"
elif [ "$named" = '"rule":"cpu.pinning"' ]; then
	ok "why names the pinning" "as the main cause"
else
	fail "why names the pinning" "it names ${named:-nothing}"
fi
agent_stop
mini_stop 3
mini_stop 4
