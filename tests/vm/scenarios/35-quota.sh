# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A VM in a cgroup of version 2 that may use a fifth of a CPU and wants a whole one: the cause
# "throttled" against what cpu.stat says of the group, and its ready time against run_delay. The vCPU is
# alone in the group: cpu.stat adds up all run queues of a group, and the VM's own main thread, which waits on
# another CPU, would count in it.
#
# oracle: vm_cpu_ready_cause_seconds_total: throttled_usec of cpu.stat, and run_delay for the sum of the causes
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

group=/sys/fs/cgroup/quota
throttled_ns() {
	awk '$1 == "throttled_usec" { printf "%.0f", $2 * 1000 }' $group/cpu.stat
}

mini_start 3 --vcpus 1 --pin 1 --name mini3 || exit
if ! echo +cpu >/sys/fs/cgroup/cgroup.subtree_control || ! mkdir $group ||
	! echo "20000 100000" >$group/cpu.max || ! echo threaded >$group/cgroup.type ||
	! mini_value 3 now 0 tid >$group/cgroup.threads; then
	fail "quota" "no group with a quota can be made"
	mini_stop 3
	exit 0
fi
agent_start --detail detailed || exit
mark 3
before=$(throttled_ns)
mini_do "spin 1000" 3
agent_settle

# Before 6.6 the kernel counts a thread's throttled time in a clock that leaves interrupts out.
allowed=5
[ "${kernel:-}" != 5.10 ] || allowed=10
vcpu='vm="mini3" vcpu="0"'
ready=$(metric_grown_ns vm_cpu_core_ready_seconds_total "$vcpu")
throttled=$(metric_grown_ns vm_cpu_ready_cause_seconds_total 'vm="mini3" cause="throttled"')
near "ready time under a quota" "$ready" "$(mini_grown 3 0 delay)" 0.001 ns
near "throttled, as cpu.stat of version 2 has it" "$throttled" "$(minus "$(throttled_ns)" "$before")" $allowed ns
if is_true "$throttled > 5e8 && $throttled > 0.9 * $ready"; then
	ok "the quota is the main cause" "$throttled of $ready ns"
else
	fail "the quota is the main cause" "$throttled of $ready ns"
fi
near "the causes sum to ready" \
	"$(metric_grown_ns vm_cpu_ready_cause_seconds_total 'vm="mini3"')" "$ready" 0.001 ns
agent_stop
mini_stop 3
rmdir $group
