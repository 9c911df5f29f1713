/* SPDX-License-Identifier: Apache-2.0 */
/* What KVM's own counters and tracepoints tell. Rows as metric/table.h says. */
METRIC(VM, vm_cpu_exits_total, "vm.cpu.exits_total", COUNTER, U64, kvm[KVM_STAT_EXITS], "count",
       DETAILED, CPU, "kvm", "Exits from the guest to the hypervisor.")
METRIC(VM, vm_cpu_exit_rate, "vm.cpu.exit_rate", GAUGE, DOUBLE, rate.exits, "1/s", STANDARD, CPU,
       "kvm", "Exits a second from the guest to the hypervisor.")
METRIC(VM, vm_cpu_io_exits_total, "vm.cpu.io_exits_total", COUNTER, U64, kvm[KVM_STAT_IO_EXITS],
       "count", DETAILED, CPU, "kvm", "Exits for access to an I/O port.")
METRIC(VM, vm_cpu_mmio_exits_total, "vm.cpu.mmio_exits_total", COUNTER, U64,
       kvm[KVM_STAT_MMIO_EXITS], "count", DETAILED, CPU, "kvm",
       "Exits for access to the memory of a device.")
METRIC(VM, vm_cpu_signal_exits_total, "vm.cpu.signal_exits_total", COUNTER, U64,
       kvm[KVM_STAT_SIGNAL_EXITS], "count", DETAILED, CPU, "kvm",
       "Exits because a signal waited for the vCPU thread.")
METRIC(VM, vm_cpu_irq_exits_total, "vm.cpu.irq_exits_total", COUNTER, U64, kvm[KVM_STAT_IRQ_EXITS],
       "count", DETAILED, CPU, "kvm", "Exits for an interrupt of the host.")
METRIC(VM, vm_cpu_irq_window_exits_total, "vm.cpu.irq_window_exits_total", COUNTER, U64,
       kvm[KVM_STAT_IRQ_WINDOW_EXITS], "count", DETAILED, CPU, "kvm",
       "Exits because the guest could take a waiting interrupt.")
METRIC(VM, vm_cpu_halt_exits_total, "vm.cpu.halt_exits_total", COUNTER, U64,
       kvm[KVM_STAT_HALT_EXITS], "count", DETAILED, CPU, "kvm",
       "Exits because the guest had nothing to do.")
METRIC(VM, vm_cpu_halt_poll_attempts_total, "vm.cpu.halt_poll_attempts_total", COUNTER, U64,
       kvm[KVM_STAT_HALT_POLL_ATTEMPTED], "count", DETAILED, CPU, "kvm",
       "Halts in which KVM first polled for a wakeup.")
METRIC(VM, vm_cpu_halt_poll_successes_total, "vm.cpu.halt_poll_successes_total", COUNTER, U64,
       kvm[KVM_STAT_HALT_POLL_SUCCESS], "count", DETAILED, CPU, "kvm",
       "Polls in a halt that saw the wakeup.")
METRIC(VM, vm_cpu_halt_poll_invalid_total, "vm.cpu.halt_poll_invalid_total", COUNTER, U64,
       kvm[KVM_STAT_HALT_POLL_INVALID], "count", DETAILED, CPU, "kvm",
       "Polls in a halt that KVM discounted.")
METRIC(VM, vm_cpu_halt_wakeups_total, "vm.cpu.halt_wakeups_total", COUNTER, U64,
       kvm[KVM_STAT_HALT_WAKEUP], "count", DETAILED, CPU, "kvm", "Wakeups from a halt.")
METRIC(VM, vm_cpu_halt_poll_success_seconds_total, "vm.cpu.halt_poll_success_seconds_total",
       COUNTER, NS, kvm[KVM_STAT_HALT_POLL_SUCCESS_NS], "seconds", DETAILED, CPU, "kvm",
       "CPU time of polls in a halt that saw the wakeup.")
METRIC(VM, vm_cpu_halt_poll_fail_seconds_total, "vm.cpu.halt_poll_fail_seconds_total", COUNTER, NS,
       kvm[KVM_STAT_HALT_POLL_FAIL_NS], "seconds", DETAILED, CPU, "kvm",
       "CPU time of polls in a halt that saw nothing.")
METRIC(VM, vm_cpu_halt_wait_seconds_total, "vm.cpu.halt_wait_seconds_total", COUNTER, NS,
       kvm[KVM_STAT_HALT_WAIT_NS], "seconds", DETAILED, CPU, "kvm",
       "Time that vCPUs slept in a halt, as KVM counts it.")
METRIC(VM, vm_cpu_kvm_page_faults_total, "vm.cpu.kvm_page_faults_total", COUNTER, U64,
       kvm[KVM_STAT_PF_TAKEN], "count", DIAGNOSTIC, CPU, "kvm",
       "Faults of guest memory that KVM handled.")
METRIC(VM, vm_cpu_kvm_page_faults_fixed_total, "vm.cpu.kvm_page_faults_fixed_total", COUNTER, U64,
       kvm[KVM_STAT_PF_FIXED], "count", DIAGNOSTIC, CPU, "kvm",
       "Faults of guest memory that KVM mended by mapping a page.")
METRIC(VM, vm_cpu_tlb_flushes_total, "vm.cpu.tlb_flushes_total", COUNTER, U64,
       kvm[KVM_STAT_TLB_FLUSH], "count", DIAGNOSTIC, CPU, "kvm",
       "Flushes of the address translation buffers of a vCPU.")
METRIC(VM, vm_cpu_emulated_instructions_total, "vm.cpu.emulated_instructions_total", COUNTER, U64,
       kvm[KVM_STAT_INSN_EMULATION], "count", DIAGNOSTIC, CPU, "kvm",
       "Guest instructions that KVM emulated.")
METRIC(VM, vm_cpu_hypercalls_total, "vm.cpu.hypercalls_total", COUNTER, U64,
       kvm[KVM_STAT_HYPERCALLS], "count", DIAGNOSTIC, CPU, "kvm", "Hypercalls of the guest.")
METRIC(VM, vm_cpu_irq_injections_total, "vm.cpu.irq_injections_total", COUNTER, U64,
       kvm[KVM_STAT_IRQ_INJECTIONS], "count", DIAGNOSTIC, CPU, "kvm",
       "Interrupts given to the guest, as KVM counts them.")
METRIC(VM, vm_cpu_nmi_injections_total, "vm.cpu.nmi_injections_total", COUNTER, U64,
       kvm[KVM_STAT_NMI_INJECTIONS], "count", DIAGNOSTIC, CPU, "kvm",
       "Non-maskable interrupts given to the guest.")
METRIC(VM, vm_cpu_nested_runs_total, "vm.cpu.nested_runs_total", COUNTER, U64,
       kvm[KVM_STAT_NESTED_RUN], "count", DIAGNOSTIC, CPU, "kvm",
       "Entries into a guest of the guest.")
METRIC(VM, vm_cpu_preemptions_reported_total, "vm.cpu.preemptions_reported_total", COUNTER, U64,
       kvm[KVM_STAT_PREEMPTION_REPORTED], "count", DIAGNOSTIC, CPU, "kvm",
       "Preemptions of a vCPU that KVM told the guest about.")
METRIC(VM, vm_cpu_preemptions_unreported_total, "vm.cpu.preemptions_unreported_total", COUNTER, U64,
       kvm[KVM_STAT_PREEMPTION_OTHER], "count", DIAGNOSTIC, CPU, "kvm",
       "Preemptions of a vCPU that the guest was not told about.")
METRIC(VM, vm_cpu_injected_interrupts_total, "vm.cpu.injected_interrupts_total", COUNTER, U64,
       irq_injected, "count", DIAGNOSTIC, CPU, "kvm_inj_virq",
       "Interrupts given to the guest, as the tracepoint of KVM sees them.")
METRIC(VM, vm_cpu_exit_duration_seconds, "vm.cpu.exit_duration_seconds", HISTOGRAM, HIST, exit_hist,
       "seconds", DETAILED, CPU, "kvm_entry and kvm_exit",
       "Time from an exit to the next entry of the same vCPU, sleep included.")
METRIC(EXIT, vm_cpu_exit_reasons_total, "vm.cpu.exit.reasons_total", COUNTER, U64, count, "count",
       DIAGNOSTIC, CPU, "kvm_exit",
       "Exits from the guest by reason, in the words of the processor.")
METRIC(EXIT, vm_cpu_exit_reason_seconds_total, "vm.cpu.exit.reason_seconds_total", COUNTER, NS, ns,
       "seconds", DIAGNOSTIC, CPU, "kvm_entry and kvm_exit",
       "Time from an exit for this reason to the next entry, sleep included.")
