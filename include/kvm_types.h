/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ABI between bpf/kvm.bpf.c and user space. Counters are cumulative; times are nanoseconds. */
#ifndef KVMLENS_KVM_TYPES_H
#define KVMLENS_KVM_TYPES_H

#include <linux/types.h>

#define KVM_ABI_VERSION 1

/* What the kernel's own KVM counters can tell of a vCPU; a field that it lacks is KVM_ABSENT. */
#define KVM_ABSENT (~0ull)

enum kvm_stat {
	KVM_STAT_EXITS,
	KVM_STAT_IO_EXITS,
	KVM_STAT_MMIO_EXITS,
	KVM_STAT_SIGNAL_EXITS,
	KVM_STAT_IRQ_EXITS,
	KVM_STAT_IRQ_WINDOW_EXITS,
	KVM_STAT_HALT_EXITS,
	KVM_STAT_HALT_POLL_SUCCESS,
	KVM_STAT_HALT_POLL_ATTEMPTED,
	KVM_STAT_HALT_POLL_INVALID,
	KVM_STAT_HALT_WAKEUP,
	KVM_STAT_HALT_POLL_SUCCESS_NS,
	KVM_STAT_HALT_POLL_FAIL_NS,
	KVM_STAT_HALT_WAIT_NS,
	KVM_STAT_PF_TAKEN,
	KVM_STAT_PF_FIXED,
	KVM_STAT_TLB_FLUSH,
	KVM_STAT_INSN_EMULATION,
	KVM_STAT_HYPERCALLS,
	KVM_STAT_IRQ_INJECTIONS,
	KVM_STAT_NMI_INJECTIONS,
	KVM_STAT_NESTED_RUN,
	KVM_STAT_PREEMPTION_REPORTED,
	KVM_STAT_PREEMPTION_OTHER,
	KVM_STAT_MAX,
};

/* Kinds of record that the task-file iterator writes. */
enum kvm_found_kind { KVM_FOUND_VM = 1, KVM_FOUND_VCPU };

/* Of the VM behind an open kvm-vm or kvm-vcpu file. */
struct kvm_found {
	__u32 kind; /* enum kvm_found_kind */
	__u32 tgid; /* the process that holds the file */
	__u64 kvm; /* address of struct kvm: an identity, never shown; 0: BTF does not tell */
	__u64 start_ns; /* start_boottime of the process's leader */
	__u32 vcpu_id;
	__u32 tid; /* the thread that last ran the vCPU, initial pid namespace; 0: none yet */
	__u32 online_vcpus;
	__u32 pad;
	__u64 stat[KVM_STAT_MAX];
};

#ifdef __STDC_VERSION__
_Static_assert(sizeof(struct kvm_found) == 40 + 8 * KVM_STAT_MAX, "kvm_found is part of the ABI");
#endif

/*
 * One vCPU thread's exits, in map "kvm_vcpus" at the slot of its sched_thread. Written by
 * kvm_entry and kvm_exit on the vCPU's own thread.
 */
#define KVM_HIST_SHIFT 8
#define KVM_HIST_BUCKETS 24

struct kvm_vcpu_times {
	__u32 seq;
	__u32 tid;
	__u64 entered_at; /* CLOCK_MONOTONIC; 0 while outside the guest */
	__u64 exited_at;
	__u64 guest_ns;
	__u64 base_ns; /* 1 + guest time before exact counting began; written by user space */
	__u64 exits;
	__u64 exit_ns; /* time from an exit to the next entry, sleep included */
	__u64 irq_injected;
	__u64 reason; /* of the exit being handled */
	__u64 exit_hist[KVM_HIST_BUCKETS]; /* duration of exit handling, upper bound 2^(8+i) ns */
};

/* Map "kvm_reasons": hash, key below; written by kvm_exit at diagnostic, deleted by user space. */
struct kvm_reason_key {
	__u32 tid;
	__u32 reason; /* the hardware's code, named by user/vm/exit_reason.c */
};

struct kvm_reason_value {
	__u64 count;
	__u64 ns;
};

#endif
