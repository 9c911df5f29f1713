# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A CPU goes offline and comes back while vCPUs run, wait and sleep: the parts of each vCPU's time sum to
# wall time, and its ready time is the kernel's.
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

online=/sys/devices/system/cpu/cpu1/online
if [ ! -w $online ]; then
	skip "a CPU off and on" "this kernel cannot"
	exit 0
fi
mini_start 3 --vcpus 2 --name mini3 || exit
mini_start 4 --vcpus 1 --name mini4 || exit
# Not bound to the CPU that they were started on.
for id in 3 4; do taskset -a -p 3 "$(mini_pid $id)" >/dev/null; done
agent_start --detail detailed || exit
mark 3 4
toggle() {
	sleep 0.3
	for state in 0 1 0 1; do
		echo $state >$online
		sleep 0.4
	done
}
toggle 3>&- 4>&- 5>&- 9>&- &
mini_do "spin 1000" 3 4
mini_do "hlt 100" 3
wait $!
agent_settle

for vcpu in 'vm="mini3" vcpu="0"' 'vm="mini3" vcpu="1"' 'vm="mini4" vcpu="0"'; do
	parts=0
	for part in run ready halted other; do
		parts="$parts + $(metric_grown "vm_cpu_core_${part}_seconds_total" "$vcpu")"
	done
	near "parts of $vcpu sum to wall time over a CPU's absence" "$(calc "$parts")" "$(wall_grown)" 0.5 s
done
near "ready time of mini4 over a CPU's absence" \
	"$(metric_grown_ns vm_cpu_core_ready_seconds_total 'vm="mini4" vcpu="0"')" "$(mini_grown 4 0 delay)" 0.001 ns
agent_stop
mini_stop 3
mini_stop 4
