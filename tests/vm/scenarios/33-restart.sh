# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The agent dies in the middle of a run and is started again: nothing is lost, nothing is counted
# twice, and what happened while it was away is there too.
#
# oracle: kvmlens_adopted: the kill and the new start of this test
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

mini_start 3 --vcpus 1 --pin 1 --name mini3 || exit
mini_start 4 --vcpus 1 --pin 1 --name mini4 || exit
agent_start --detail detailed || exit
mark 3 4
tracing_start "$(mini_value 3 now 0 tid)"
mini_do "spin 1000" 3 4
kill -9 $agent_pid
wait $agent_pid
mini_do "spin 1000" 3 4
mini_do "mix 200" 3
agent_start --detail detailed || exit
mini_do "spin 1000" 3 4
tracing_stop
agent_settle

vcpu='vm="mini3" vcpu="0"'
near "adopted" "$(metric now kvmlens_adopted)" 1 0 runs
near "ready time over the restart" "$(metric_grown_ns vm_cpu_core_ready_seconds_total "$vcpu")" \
	"$(mini_grown 3 0 delay)" 0.001 ns
near "run time over the restart" "$(metric_grown_ns vm_cpu_core_run_seconds_total "$vcpu")" \
	"$(mini_grown 3 0 run)" 1 ns
near "exits over the restart" "$(metric_grown vm_cpu_exits_total 'vm="mini3"')" \
	"$(mini_grown 3 vm vm_exits)" 0.1 exits
# The tracer's own work, slow in an emulated host, counts as guest time in its stamps: hence 3 %. What a
# restart would lose, the time that the agent was away, is ten times that.
near "guest time over the restart" "$(metric_grown_ns vm_cpu_core_guest_seconds_total "$vcpu")" \
	"$(traced guest_ns)" 3 ns
guest=$(metric_grown_ns vm_cpu_core_guest_seconds_total "$vcpu")
hypervisor=$(metric_grown_ns vm_cpu_core_hypervisor_seconds_total "$vcpu")
near "guest + hypervisor = run over the restart" "$(calc "$guest + $hypervisor")" \
	"$(mini_grown 3 0 run)" 1 ns
agent_stop
if [ -e /sys/fs/bpf/kvmlens ] && [ -n "$(ls -A /sys/fs/bpf/kvmlens)" ]; then
	fail "a clean stop removes what was pinned" "$(ls -A /sys/fs/bpf/kvmlens | tr '\n' ' ')"
else
	ok "a clean stop removes what was pinned" "nothing is left"
fi
mini_stop 3
mini_stop 4
