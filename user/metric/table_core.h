/* SPDX-License-Identifier: Apache-2.0 */
/* CPU of each vCPU. Rows as metric/table.h says. */
METRIC(VCPU, vm_cpu_core_usage, "vm.cpu.core.usage", GAUGE, DOUBLE, rate.usage, "percent", DETAILED,
       CPU, "bpf, schedstat",
       "Time that the vCPU spent on a physical CPU, in percent of wall time.")
METRIC(VCPU, vm_cpu_core_ready_time, "vm.cpu.core.ready_time", GAUGE, DOUBLE, rate.ready, "percent",
       DETAILED, CPU, "bpf, schedstat",
       "Time that the vCPU was runnable but not on a CPU, in percent of wall time.")
METRIC(VCPU, vm_cpu_core_steal_time, "vm.cpu.core.steal_time", GAUGE, DOUBLE, rate.steal, "percent",
       DETAILED, CPU, "bpf",
       "The part of the ready time of the vCPU that began by being preempted, in percent of wall time.")
METRIC(VCPU, vm_cpu_core_guest_time, "vm.cpu.core.guest_time", GAUGE, DOUBLE, rate.guest, "percent",
       DETAILED, CPU, "kvm_entry and kvm_exit, gtime",
       "The part of the run time of the vCPU inside the guest, in percent of wall time.")
METRIC(VCPU, vm_cpu_core_hypervisor_time, "vm.cpu.core.hypervisor_time", GAUGE, DOUBLE,
       rate.hypervisor, "percent", DETAILED, CPU, "kvm_entry and kvm_exit, gtime",
       "The part of the run time of the vCPU outside the guest, in percent of wall time.")
METRIC(VCPU, vm_cpu_core_halted_time, "vm.cpu.core.halted_time", GAUGE, DOUBLE, rate.halted,
       "percent", DETAILED, CPU, "bpf",
       "Time that the vCPU was halted and wanted no CPU, in percent of wall time.")
METRIC(VCPU, vm_cpu_core_wake_latency_p99, "vm.cpu.core.wake_latency_p99", GAUGE, DOUBLE,
       rate.wake_p99_ms, "ms", DETAILED, CPU, "bpf",
       "99th percentile of the waits of the last interval from a wakeup of the vCPU to its first nanosecond on a CPU.")
METRIC(VCPU, vm_cpu_core_host_cpu, "vm.cpu.core.host_cpu", GAUGE, U32, cpu, "number", DETAILED, CPU,
       "bpf", "The physical CPU that the vCPU last ran on.")
METRIC(VCPU, vm_cpu_core_run_seconds_total, "vm.cpu.core.run_seconds_total", COUNTER, NS, time.run,
       "seconds", DETAILED, CPU, "bpf, schedstat", "Run time of the vCPU: on a physical CPU.")
METRIC(VCPU, vm_cpu_core_guest_seconds_total, "vm.cpu.core.guest_seconds_total", COUNTER, NS,
       time.guest, "seconds", DETAILED, CPU, "kvm_entry and kvm_exit, gtime",
       "Guest time of the vCPU: the part of run time inside the guest.")
METRIC(VCPU, vm_cpu_core_hypervisor_seconds_total, "vm.cpu.core.hypervisor_seconds_total", COUNTER,
       NS, time.hypervisor, "seconds", DETAILED, CPU, "kvm_entry and kvm_exit, gtime",
       "Hypervisor time of the vCPU: run time less guest time.")
METRIC(VCPU, vm_cpu_core_ready_seconds_total, "vm.cpu.core.ready_seconds_total", COUNTER, NS,
       time.ready, "seconds", DETAILED, CPU, "bpf, schedstat",
       "Ready time of the vCPU: runnable but not on a CPU.")
METRIC(VCPU, vm_cpu_core_steal_seconds_total, "vm.cpu.core.steal_seconds_total", COUNTER, NS,
       time.steal, "seconds", DETAILED, CPU, "bpf",
       "Steal time of the vCPU: the part of ready time that began by being preempted.")
METRIC(VCPU, vm_cpu_core_wake_seconds_total, "vm.cpu.core.wake_seconds_total", COUNTER, NS,
       time.wake, "seconds", DETAILED, CPU, "bpf",
       "Wake latency of the vCPU: the part of ready time that began with a wakeup.")
METRIC(VCPU, vm_cpu_core_halted_seconds_total, "vm.cpu.core.halted_seconds_total", COUNTER, NS,
       time.halted, "seconds", DETAILED, CPU, "bpf",
       "Halted time of the vCPU: blocked in a halt, wanting nothing.")
METRIC(VCPU, vm_cpu_core_other_seconds_total, "vm.cpu.core.other_seconds_total", COUNTER, NS,
       time.other, "seconds", DETAILED, CPU, "bpf",
       "Time that the vCPU was blocked for any other cause than a halt.")
METRIC(VCPU, vm_cpu_core_switches_total, "vm.cpu.core.switches_total", COUNTER, U64, switches,
       "count", DETAILED, CPU, "bpf", "Times that the vCPU was put on a CPU.")
METRIC(VCPU, vm_cpu_core_preemptions_total, "vm.cpu.core.preemptions_total", COUNTER, U64, preempts,
       "count", DETAILED, CPU, "bpf",
       "Times that the vCPU was taken off its CPU while it wanted to run.")
METRIC(VCPU, vm_cpu_core_migrations_total, "vm.cpu.core.migrations_total", COUNTER, U64, migrations,
       "count", DETAILED, CPU, "bpf", "Times that the vCPU came to run on another CPU than before.")
METRIC(VCPU, vm_cpu_core_exits_total, "vm.cpu.core.exits_total", COUNTER, U64, kvm[KVM_STAT_EXITS],
       "count", DETAILED, CPU, "kvm", "Exits of the vCPU from the guest to the hypervisor.")
METRIC(VCPU, vm_cpu_core_halt_exits_total, "vm.cpu.core.halt_exits_total", COUNTER, U64,
       kvm[KVM_STAT_HALT_EXITS], "count", DETAILED, CPU, "kvm",
       "Exits of the vCPU because the guest had nothing to do.")
METRIC(VCPU, vm_cpu_core_wake_latency_seconds, "vm.cpu.core.wake_latency_seconds", HISTOGRAM, HIST,
       wake_hist, "seconds", DIAGNOSTIC, CPU, "bpf",
       "Waits of the vCPU from a wakeup to the first nanosecond on a CPU.")
METRIC(VCPU, vm_cpu_core_preempt_wait_seconds, "vm.cpu.core.preempt_wait_seconds", HISTOGRAM, HIST,
       preempt_hist, "seconds", DIAGNOSTIC, CPU, "bpf",
       "Waits of the vCPU from a preemption to the next nanosecond on a CPU.")
METRIC(VCPU, vm_cpu_core_exit_duration_seconds, "vm.cpu.core.exit_duration_seconds", HISTOGRAM,
       HIST, exit_hist, "seconds", DIAGNOSTIC, CPU, "kvm_entry and kvm_exit",
       "Time from an exit of the vCPU to its next entry, sleep included.")
