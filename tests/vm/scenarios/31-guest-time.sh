# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Guest time of one vCPU against the kernel's kvm_entry and kvm_exit events, run time against the
# scheduler's own, and guest + hypervisor = run.
#
# oracle: vm_cpu_core_guest_seconds_total: the kernel's kvm_entry and kvm_exit events
# oracle: vm_cpu_core_hypervisor_seconds_total vm_cpu_core_run_seconds_total: run time in schedstat, less the events' guest time
# shellcheck source=tests/vm/lib.sh
. /test/lib.sh

mini_start 3 --vcpus 1 --pin 1 --name mini3 || exit
agent_start --detail detailed || exit
mark 3
tracing_start "$(mini_value 3 now 0 tid)"
mini_do "spin 1500" 3
tracing_stop
agent_settle

vcpu='vm="mini3" vcpu="0"'
run=$(metric_grown_ns vm_cpu_core_run_seconds_total "$vcpu")
guest=$(metric_grown_ns vm_cpu_core_guest_seconds_total "$vcpu")
hypervisor=$(metric_grown_ns vm_cpu_core_hypervisor_seconds_total "$vcpu")
near "run time" "$run" "$(mini_grown 3 0 run)" 1 ns
# The tracer's own work counts as guest time in its stamps: hence 2 %.
near "guest time" "$guest" "$(traced guest_ns)" 2 ns
near "guest + hypervisor = run" "$(calc "$guest + $hypervisor")" "$(mini_grown 3 0 run)" 1 ns
agent_stop
mini_stop 3
