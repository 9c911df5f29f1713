# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Exit and halt counts against KVM's own counters in debugfs, over a window in which both are still.
#
# oracle: vm_cpu_exits_total vm_cpu_core_exits_total vm_cpu_exit_reasons_total vm_cpu_exit_duration_seconds: exits in KVM's debugfs
# oracle: vm_cpu_halt_exits_total: the HLT instructions that the guest executed
# oracle: vm_cpu_io_exits_total: the port writes that the guest made
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

mini_start 3 --vcpus 2 --pin 0,1 --name mini3 || exit
agent_start --detail diagnostic || exit
mark 3
mini_do "mix 500" 3
mini_do "hlt 100" 3
agent_settle

vm='vm="mini3"'
exits=$(mini_grown 3 vm vm_exits)
near "exits" "$(metric_grown vm_cpu_exits_total "$vm")" "$exits" 0.1 exits
near "exits, sum of the vCPUs" "$(metric_grown vm_cpu_core_exits_total "$vm")" "$exits" 0.1 exits
near "exits, sum of the reasons" "$(metric_grown vm_cpu_exit_reasons_total "$vm")" "$exits" 0.1 exits
near "exits, by the exit-time histogram" "$(metric_grown vm_cpu_exit_duration_seconds_count "$vm")" \
	"$exits" 0.1 exits
near "halts" "$(metric_grown vm_cpu_halt_exits_total "$vm")" 200 0 halts
near "port writes" "$(metric_grown vm_cpu_io_exits_total "$vm")" 1004 0 exits
agent_stop
mini_stop 3
