// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What KVM knows: which processes hold VMs and vCPUs, with KVM's own counters (a file iterator,
 * no cost per exit), and from detailed on exact guest time and exit handling time.
 */
#include "core_fixes.bpf.h"
#include "kvm_file.bpf.h"
#include <kvm_types.h>
#include <sched_types.h>

#include "thread.bpf.h"

/* sched.bpf.c's globals, shared; only looked up here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sched_globals);
} sched_globals SEC(".maps");

/*
 * Guest and exit handling time, by the slot of the vCPU's sched_thread. Written by the vCPU's
 * own thread, read by user space through mmap, cleared by it when the slot gets a new thread.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2); /* set before load */
	__type(key, __u32);
	__type(value, struct kvm_vcpu_times);
} kvm_vcpus SEC(".maps");

/*
 * Exits by thread and reason, at diagnostic. Written here, read by user space, which deletes the
 * entries of threads that are gone. A full map is counted in kvm_lost. Preallocated: kernels
 * before 6.1 warn of, and may deadlock in, a tracing program that makes the kernel allocate.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, struct kvm_reason_key);
	__type(value, struct kvm_reason_value);
} kvm_reasons SEC(".maps");

/* Entries that did not fit into kvm_reasons. Written here, read by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} kvm_lost SEC(".maps");

static __always_inline struct kvm_vcpu_times *current_times(__u32 *ret_tid)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), zero = 0, slot;
	struct sched_globals *pids = bpf_map_lookup_elem(&sched_globals, &zero);
	struct sched_thread *thread;

	if (!pids)
		return NULL;
	slot = pids->pid_slots[tid & (SCHED_PID_SLOTS - 1)];
	if (!slot)
		return NULL;
	thread = thread_in_chain(slot, tid);
	if (!thread || thread->role != SCHED_ROLE_VCPU)
		return NULL;
	slot = thread->slot;
	*ret_tid = tid;
	return bpf_map_lookup_elem(&kvm_vcpus, &slot);
}

static __always_inline void count_reason(__u32 tid, __u32 reason, __u64 ns)
{
	struct kvm_reason_key key = {.tid = tid, .reason = reason};
	struct kvm_reason_value *value = bpf_map_lookup_elem(&kvm_reasons, &key), first = {};
	__u32 zero = 0;
	__u64 *count;

	if (!value) {
		bpf_map_update_elem(&kvm_reasons, &key, &first, BPF_NOEXIST);
		value = bpf_map_lookup_elem(&kvm_reasons, &key);
	}
	if (value) {
		value->count++;
		value->ns += ns;
		return;
	}
	count = bpf_map_lookup_elem(&kvm_lost, &zero);
	if (count)
		(*count)++;
}

static __always_inline void enter(bool by_reason)
{
	__u64 now = bpf_ktime_get_ns();
	struct kvm_vcpu_times *times;
	__u64 ns;
	__u32 tid;

	times = current_times(&tid);
	if (!times)
		return;
	record_begin(&times->seq);
	times->tid = tid;
	if (times->exited_at) {
		ns = now - times->exited_at;
		times->exit_ns += ns;
		times->exit_hist[hist_bucket(ns, KVM_HIST_SHIFT)]++;
		if (by_reason)
			count_reason(tid, times->reason, ns);
	}
	times->entered_at = now;
	record_end(&times->seq);
}

static __always_inline void leave(__u32 reason)
{
	__u64 now = bpf_ktime_get_ns();
	struct kvm_vcpu_times *times;
	__u32 tid;

	times = current_times(&tid);
	if (!times)
		return;
	record_begin(&times->seq);
	times->tid = tid;
	if (times->entered_at)
		times->guest_ns += now - times->entered_at;
	times->entered_at = 0;
	times->exited_at = now;
	times->exits++;
	times->reason = reason;
	record_end(&times->seq);
}

/* Neither takes arguments, so that kvm may be a module without BTF, of any kernel. */
SEC("raw_tp/kvm_entry")
int kvm_entry(void *ctx)
{
	enter(false);
	return 0;
}

SEC("raw_tp/kvm_exit")
int kvm_exit(void *ctx)
{
	leave(0);
	return 0;
}

/* The same at diagnostic, with the reason. */
SEC("raw_tp/kvm_entry")
int kvm_entry_reason(void *ctx)
{
	enter(true);
	return 0;
}

/* The tracepoint's own record holds the reason since it is no longer an argument. */
SEC("tp/kvm/kvm_exit")
int kvm_exit_reason(struct trace_event_raw_kvm_exit *ctx)
{
	leave(exit_reason_of(ctx));
	return 0;
}

SEC("raw_tp/kvm_exit")
int kvm_exit_reason_arg(struct bpf_raw_tracepoint_args *ctx)
{
	leave(ctx->args[0]);
	return 0;
}

SEC("raw_tp/kvm_inj_virq")
int kvm_inject(void *ctx)
{
	struct kvm_vcpu_times *times;
	__u32 tid;

	times = current_times(&tid);
	if (times)
		times->irq_injected++;
	return 0;
}

#define STAT(index, field)                                             \
	found->stat[index] = bpf_core_field_exists(vcpu->stat.field)   \
				     ? BPF_CORE_READ(vcpu, stat.field) \
				     : KVM_ABSENT

/* Of "generic" since 5.14, directly in the struct before. */
#define STAT_GENERIC(index, field)                                             \
	found->stat[index] = bpf_core_field_exists(vcpu->stat.generic.field)   \
				     ? BPF_CORE_READ(vcpu, stat.generic.field) \
			     : bpf_core_field_exists(old->stat.field)          \
				     ? BPF_CORE_READ(old, stat.field)          \
				     : KVM_ABSENT

static __always_inline void read_stats(struct kvm_found *found, struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu___before_5_14 *old = (void *)vcpu;

	STAT(KVM_STAT_EXITS, exits);
	STAT(KVM_STAT_IO_EXITS, io_exits);
	STAT(KVM_STAT_MMIO_EXITS, mmio_exits);
	STAT(KVM_STAT_SIGNAL_EXITS, signal_exits);
	STAT(KVM_STAT_IRQ_EXITS, irq_exits);
	STAT(KVM_STAT_IRQ_WINDOW_EXITS, irq_window_exits);
	STAT(KVM_STAT_HALT_EXITS, halt_exits);
	STAT_GENERIC(KVM_STAT_HALT_POLL_SUCCESS, halt_successful_poll);
	STAT_GENERIC(KVM_STAT_HALT_POLL_ATTEMPTED, halt_attempted_poll);
	STAT_GENERIC(KVM_STAT_HALT_POLL_INVALID, halt_poll_invalid);
	STAT_GENERIC(KVM_STAT_HALT_WAKEUP, halt_wakeup);
	STAT_GENERIC(KVM_STAT_HALT_POLL_SUCCESS_NS, halt_poll_success_ns);
	STAT_GENERIC(KVM_STAT_HALT_POLL_FAIL_NS, halt_poll_fail_ns);
	STAT_GENERIC(KVM_STAT_HALT_WAIT_NS, halt_wait_ns);
	STAT(KVM_STAT_PF_TAKEN, pf_taken);
	STAT(KVM_STAT_PF_FIXED, pf_fixed);
	STAT(KVM_STAT_TLB_FLUSH, tlb_flush);
	STAT(KVM_STAT_INSN_EMULATION, insn_emulation);
	STAT(KVM_STAT_HYPERCALLS, hypercalls);
	STAT(KVM_STAT_IRQ_INJECTIONS, irq_injections);
	STAT(KVM_STAT_NMI_INJECTIONS, nmi_injections);
	STAT(KVM_STAT_NESTED_RUN, nested_run);
	STAT(KVM_STAT_PREEMPTION_REPORTED, preemption_reported);
	STAT(KVM_STAT_PREEMPTION_OTHER, preemption_other);
}

static __always_inline void read_vcpu(struct kvm_found *found, struct kvm_vcpu *vcpu)
{
	struct pid *pid = BPF_CORE_READ(vcpu, pid);

	found->kvm = (__u64)BPF_CORE_READ(vcpu, kvm);
	found->vcpu_id = BPF_CORE_READ(vcpu, vcpu_id);
	if (pid)
		found->tid = BPF_CORE_READ(pid, numbers[0].nr);
	found->online_vcpus = BPF_CORE_READ(vcpu, kvm, online_vcpus.counter);
	read_stats(found, vcpu);
}

SEC("iter/task_file")
int kvm_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct kvm_found found = {};
	void *data;

	if (!task || !file)
		return 0;
	found.kind = file_kind(file);
	if (!found.kind)
		return 0;
	data = BPF_CORE_READ(file, private_data);
	found.tgid = BPF_CORE_READ(task, tgid);
	found.start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	if (found.kind == KVM_FOUND_VCPU) {
		read_vcpu(&found, data);
	} else {
		found.kvm = (__u64)data;
		found.online_vcpus = BPF_CORE_READ((struct kvm *)data, online_vcpus.counter);
	}
	bpf_seq_write(ctx->meta->seq, &found, sizeof(found));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
