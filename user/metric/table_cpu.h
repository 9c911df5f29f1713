/* SPDX-License-Identifier: Apache-2.0 */
/* CPU of a whole VM. Rows as metric/table.h says. */
METRIC(VM, vm_cpu_usage, "vm.cpu.usage", GAUGE, DOUBLE, rate.usage, "percent", BASIC, CPU,
       "bpf, schedstat",
       "Time that the vCPUs spent on a physical CPU, in percent of wall time, averaged over the vCPUs.")
METRIC(VM, vm_cpu_ready_time, "vm.cpu.ready_time", GAUGE, DOUBLE, rate.ready, "percent", BASIC, CPU,
       "bpf, schedstat",
       "Time that the vCPUs were runnable but not on a CPU, in percent of wall time, averaged over the vCPUs. A guest shows it as steal, %st of its top.")
METRIC(VM, vm_cpu_ready_time_max, "vm.cpu.ready_time_max", GAUGE, DOUBLE, ready_max, "percent",
       BASIC, CPU, "bpf, schedstat",
       "Ready time of the vCPU that waits most, in percent of wall time: one that starves holds up the others, which the average hides.")
METRIC(VM, vm_cpu_steal_time, "vm.cpu.steal_time", GAUGE, DOUBLE, rate.steal, "percent", BASIC, CPU,
       "bpf",
       "The part of ready time that began by being preempted, in percent of wall time, averaged over the vCPUs. What a guest shows as steal is all of ready time.")
METRIC(VM, vm_cpu_wake_time, "vm.cpu.wake_time", GAUGE, DOUBLE, rate.wake, "percent", DETAILED, CPU,
       "bpf",
       "The part of ready time that began with a wakeup, in percent of wall time, averaged over the vCPUs.")
METRIC(VM, vm_cpu_guest_time, "vm.cpu.guest_time", GAUGE, DOUBLE, rate.guest, "percent", STANDARD,
       CPU, "kvm_entry and kvm_exit, gtime",
       "The part of run time that was spent inside the guest, in percent of wall time, averaged over the vCPUs.")
METRIC(VM, vm_cpu_hypervisor_time, "vm.cpu.hypervisor_time", GAUGE, DOUBLE, rate.hypervisor,
       "percent", STANDARD, CPU, "kvm_entry and kvm_exit, gtime",
       "The part of run time that was spent outside the guest, handling exits, in percent of wall time, averaged over the vCPUs.")
METRIC(VM, vm_cpu_halted_time, "vm.cpu.halted_time", GAUGE, DOUBLE, rate.halted, "percent",
       STANDARD, CPU, "bpf",
       "Time that the vCPUs were halted and wanted no CPU, in percent of wall time, averaged over the vCPUs.")
METRIC(VM, vm_cpu_wake_latency_p50, "vm.cpu.wake_latency_p50", GAUGE, DOUBLE, rate.wake_p50_ms,
       "ms", DETAILED, CPU, "bpf",
       "Median wait of the last interval from a wakeup to the first nanosecond on a CPU.")
METRIC(VM, vm_cpu_wake_latency_p99, "vm.cpu.wake_latency_p99", GAUGE, DOUBLE, rate.wake_p99_ms,
       "ms", STANDARD, CPU, "bpf",
       "99th percentile of the waits of the last interval from a wakeup to the first nanosecond on a CPU.")
METRIC(VM, vm_cpu_vcpus, "vm.cpu.vcpus", GAUGE, U64, vcpus, "count", BASIC, CPU, "kernel, proc",
       "vCPUs that the VM has now.")
METRIC(VM, vm_cpu_guest_time_sampled, "vm.cpu.guest_time_sampled", GAUGE, U64, guest_time_sampled,
       "bool", STANDARD, CPU, "kvmlens",
       "1 where guest and hypervisor time come from the tick-sampled counter of the kernel, 0 where they are exact.")
METRIC(VM, vm_cpu_run_seconds_total, "vm.cpu.run_seconds_total", COUNTER, NS, time.run, "seconds",
       BASIC, CPU, "bpf, schedstat", "Run time of all vCPUs: on a physical CPU.")
METRIC(VM, vm_cpu_ready_seconds_total, "vm.cpu.ready_seconds_total", COUNTER, NS, time.ready,
       "seconds", BASIC, CPU, "bpf, schedstat",
       "Ready time of all vCPUs: runnable but not on a CPU.")
METRIC(VM, vm_cpu_steal_seconds_total, "vm.cpu.steal_seconds_total", COUNTER, NS, time.steal,
       "seconds", BASIC, CPU, "bpf",
       "Steal time of all vCPUs: the part of ready time that began by being preempted.")
METRIC(VM, vm_cpu_wake_seconds_total, "vm.cpu.wake_seconds_total", COUNTER, NS, time.wake,
       "seconds", DETAILED, CPU, "bpf",
       "Wake latency of all vCPUs: the part of ready time that began with a wakeup.")
METRIC(VM, vm_cpu_guest_seconds_total, "vm.cpu.guest_seconds_total", COUNTER, NS, time.guest,
       "seconds", STANDARD, CPU, "kvm_entry and kvm_exit, gtime",
       "Guest time of all vCPUs: the part of run time inside the guest.")
METRIC(VM, vm_cpu_hypervisor_seconds_total, "vm.cpu.hypervisor_seconds_total", COUNTER, NS,
       time.hypervisor, "seconds", DETAILED, CPU, "kvm_entry and kvm_exit, gtime",
       "Hypervisor time of all vCPUs: run time less guest time.")
METRIC(VM, vm_cpu_halted_seconds_total, "vm.cpu.halted_seconds_total", COUNTER, NS, time.halted,
       "seconds", DETAILED, CPU, "bpf",
       "Halted time of all vCPUs: blocked in a halt, wanting nothing.")
METRIC(VM, vm_cpu_other_seconds_total, "vm.cpu.other_seconds_total", COUNTER, NS, time.other,
       "seconds", DETAILED, CPU, "bpf",
       "Time that vCPUs were blocked for any other cause than a halt.")
METRIC(VM, vm_cpu_switches_total, "vm.cpu.switches_total", COUNTER, U64, switches, "count",
       DETAILED, CPU, "bpf", "Times that a vCPU was put on a CPU.")
METRIC(VM, vm_cpu_preemptions_total, "vm.cpu.preemptions_total", COUNTER, U64, preempts, "count",
       DETAILED, CPU, "bpf", "Times that a vCPU was taken off its CPU while it wanted to run.")
METRIC(VM, vm_cpu_migrations_total, "vm.cpu.migrations_total", COUNTER, U64, migrations, "count",
       DETAILED, CPU, "bpf", "Times that a vCPU came to run on another CPU than before.")
METRIC(VM, vm_cpu_switch_rate, "vm.cpu.switch_rate", GAUGE, DOUBLE, rate.switches, "1/s", DETAILED,
       CPU, "bpf", "Times a second that a vCPU was put on a CPU.")
METRIC(VM, vm_cpu_preemption_rate, "vm.cpu.preemption_rate", GAUGE, DOUBLE, rate.preempts, "1/s",
       DETAILED, CPU, "bpf",
       "Times a second that a vCPU was taken off its CPU while it wanted to run.")
METRIC(VM, vm_cpu_migration_rate, "vm.cpu.migration_rate", GAUGE, DOUBLE, rate.migrations, "1/s",
       DETAILED, CPU, "bpf", "Times a second that a vCPU came to run on another CPU than before.")
METRIC(VM, vm_cpu_wake_latency_seconds, "vm.cpu.wake_latency_seconds", HISTOGRAM, HIST, wake_hist,
       "seconds", DETAILED, CPU, "bpf",
       "Waits of all vCPUs from a wakeup to the first nanosecond on a CPU.")
METRIC(VM, vm_cpu_preempt_wait_seconds, "vm.cpu.preempt_wait_seconds", HISTOGRAM, HIST,
       preempt_hist, "seconds", DETAILED, CPU, "bpf",
       "Waits of all vCPUs from a preemption to the next nanosecond on a CPU.")
METRIC(ROLE, vm_cpu_role_threads, "vm.cpu.role.threads", GAUGE, U64, threads, "count", DETAILED,
       CPU, "proc", "Threads of the VM in this role beside its vCPUs: emulator, iothread or vhost.")
METRIC(ROLE, vm_cpu_role_usage, "vm.cpu.role.usage", GAUGE, DOUBLE, usage, "percent", DETAILED, CPU,
       "bpf, schedstat",
       "Time that the threads in this role spent on a CPU, in percent of one CPU. May exceed 100: they are several.")
METRIC(ROLE, vm_cpu_role_ready_time, "vm.cpu.role.ready_time", GAUGE, DOUBLE, ready_percent,
       "percent", DETAILED, CPU, "bpf, schedstat",
       "Time that the threads in this role were runnable but not on a CPU, in percent of one CPU. May exceed 100: they are several.")
METRIC(ROLE, vm_cpu_role_run_seconds_total, "vm.cpu.role.run_seconds_total", COUNTER, NS, run,
       "seconds", DETAILED, CPU, "bpf, schedstat", "Run time of the threads in this role.")
METRIC(ROLE, vm_cpu_role_ready_seconds_total, "vm.cpu.role.ready_seconds_total", COUNTER, NS, ready,
       "seconds", DETAILED, CPU, "bpf, schedstat", "Ready time of the threads in this role.")
