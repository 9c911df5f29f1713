// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Run, ready and blocked time of tracked threads, from one program on sched_switch.
 *
 * The kernel has stamped every wait already: when the tracepoint fires, next->sched_info still
 * says since when next has been waiting on this run queue, and what it had waited on others. So
 * there is no wakeup hook, no clock call, and for a thread that is not tracked no helper call.
 * Without CONFIG_SCHED_INFO the wakeup hooks stamp instead.
 */
#include "core_fixes.bpf.h"
#include <sched_types.h>

#define TASK_INTERRUPTIBLE 1
#define TASK_UNINTERRUPTIBLE 2

/* CONFIG_SCHED_INFO; without it the struct has no fields. */
#define use_sched_info bpf_core_field_exists(struct sched_info, run_delay)

struct sched_globals globals;

#include "thread.bpf.h"

/* What was lost, by enum sched_lost. Written here, read by user space, never deleted. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCHED_LOST_MAX);
	__type(key, __u32);
	__type(value, __u64);
} sched_lost SEC(".maps");

/* Births and deaths of threads in tracked processes; user space consumes. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} sched_events SEC(".maps");

static __noinline int lost(__u32 why)
{
	__u64 *count = bpf_map_lookup_elem(&sched_lost, &why);

	if (count)
		(*count)++;
	return 0;
}

/* Of the first thread of the chain; most often 0, there is none. */
static __always_inline __u32 first_slot(__u32 tid)
{
	return globals.pid_slots[tid & (SCHED_PID_SLOTS - 1)];
}

static __always_inline struct sched_thread *thread_find(__u32 tid)
{
	__u32 slot = first_slot(tid);

	return slot ? thread_in_chain(slot, tid) : NULL;
}

#include "blame.bpf.h"

static __always_inline __u8 state_after(struct sched_thread *t, struct task_struct *prev,
					bool preempt)
{
	unsigned int state = task_state(prev);

	if (preempt || !state)
		return SCHED_STATE_PREEMPTED;
	if ((state & TASK_INTERRUPTIBLE) && ((t->flags & SCHED_F_TCG) || task_in_kvm_run(prev)))
		return SCHED_STATE_HALTED;
	return SCHED_STATE_BLOCKED;
}

static __always_inline void switch_out(struct sched_thread *t, struct task_struct *prev,
				       bool preempt, __u64 now)
{
	__u64 in = use_sched_info ? READ(prev, sched_info.last_arrival) : t->since;

	record_begin(&t->seq);
	t->state = state_after(t, prev, preempt);
	if (t->state == SCHED_STATE_PREEMPTED)
		t->preempts++;
	if (in && now > in)
		t->run_ns += now - in;
	t->gtime_ns = READ(prev, gtime);
	if (!(t->flags & SCHED_F_GTIME)) {
		t->flags |= SCHED_F_GTIME;
		t->gtime_base = t->gtime_ns;
	}
	t->since = now;
	record_end(&t->seq);
}

/*
 * How long next has waited: on this run queue by its stamp (ret_here), on others by what run_delay
 * grew. Leaves in run_delay_seen what the kernel is about to store.
 */
static __always_inline __u64 kernel_wait(struct sched_thread *t, struct task_struct *next,
					 __u64 now, __u64 *ret_here)
{
	__u64 queued = READ(next, sched_info.last_queued);
	__u64 run_delay = READ(next, sched_info.run_delay);
	__u64 here = 0, elsewhere = 0;

	if (!queued)
		lost(SCHED_LOST_NO_SCHED_INFO);
	else if (now >= queued)
		here = now - queued;
	else
		lost(SCHED_LOST_CLOCK);
	if (t->flags & SCHED_F_SEEN)
		elsewhere = run_delay - t->run_delay_seen;
	t->run_delay_seen = run_delay + here;
	t->flags |= SCHED_F_SEEN;
	*ret_here = here;
	return here + elsewhere;
}

/* Without the kernel's stamps: since the preemption or, after a sleep, since the wakeup. */
static __always_inline __u64 own_wait(struct sched_thread *t, __u64 now)
{
	__u64 since = t->state == SCHED_STATE_PREEMPTED ? t->since : t->run_delay_seen;

	t->run_delay_seen = 0;
	return since && now > since ? now - since : 0;
}

static __always_inline void account_gap(struct sched_thread *t, __u64 wait, __u64 now)
{
	__u64 gap = t->since && now > t->since ? now - t->since : wait;
	__u64 rest = gap > wait ? gap - wait : 0;

	if (t->state == SCHED_STATE_PREEMPTED) {
		t->preempt_ns += wait;
		t->preempt_hist[hist_bucket(wait, SCHED_HIST_SHIFT)]++;
		t->blocked_ns += rest;
		return;
	}
	t->wake_ns += wait;
	t->wake_hist[hist_bucket(wait, SCHED_HIST_SHIFT)]++;
	if (t->state == SCHED_STATE_HALTED)
		t->halted_ns += rest;
	else
		t->blocked_ns += rest;
}

static __always_inline void switch_in(struct sched_thread *t, struct sched_thread *out,
				      struct task_struct *prev, struct task_struct *next, __u32 cpu,
				      __u64 now)
{
	__u64 here = 0, wait;

	record_begin(&t->seq);
	wait = use_sched_info ? kernel_wait(t, next, now, &here) : own_wait(t, now);
	if (t->flags & SCHED_F_DELAYED) {
		t->flags &= ~SCHED_F_DELAYED;
		t->dropped_ns += wait;
		lost(SCHED_LOST_DELAYED);
		wait = 0;
	}
	account_gap(t, wait, now);
	if (use_sched_info && t->role == SCHED_ROLE_VCPU && globals.blame_on)
		blame_wait(t, out, prev, next, cpu, wait, here, now);
	if (t->switches && t->cpu != cpu)
		t->migrations++;
	t->switches++;
	t->cpu = cpu;
	t->since = now;
	t->state = SCHED_STATE_RUNNING;
	record_end(&t->seq);
}

TRACE_SEC("sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 out_pid = READ(prev, pid), in_pid = READ(next, pid), cpu = task_on_cpu(next);
	__u32 out_slot = first_slot(out_pid), in_slot = first_slot(in_pid);
	__u8 *marked = &globals.blame_cpus[cpu & (SCHED_CPUS_MAX - 1)];
	struct sched_thread *out = NULL, *in = NULL;
	struct rq *rq;
	__u64 now;

	if (!(out_slot | in_slot | *marked))
		return 0;
	rq = task_rq(next);
	now = READ(rq, clock);
	if (out_slot) {
		out = thread_in_chain(out_slot, out_pid);
		if (out)
			switch_out(out, prev, preempt, now);
	}
	if (in_slot) {
		in = thread_in_chain(in_slot, in_pid);
		if (in)
			switch_in(in, out, prev, next, cpu, now);
	}
	if (use_sched_info && *marked)
		blame_segment_end(out, prev, rq, cpu, now);
	return 0;
}

/*
 * A task that sleeps with its dequeue delayed and is migrated gets a queueing stamp although it
 * waits for nothing; run_delay then counts sleep. Mark it, so that this one wait is dropped.
 */
TRACE_SEC("sched_migrate_task")
int BPF_PROG(sched_migrate, struct task_struct *task)
{
	struct sched_thread *t = thread_find(READ(task, pid));

	if (t && task_dequeue_delayed(task))
		t->flags |= SCHED_F_DELAYED;
	return 0;
}

static __always_inline void stamp_wakeup(struct task_struct *task)
{
	struct sched_thread *t = thread_find(READ(task, pid));

	if (t && t->state != SCHED_STATE_RUNNING && t->state != SCHED_STATE_PREEMPTED)
		t->run_delay_seen = READ(task_rq(task), clock);
}

/* The next two are loaded only where the kernel keeps no sched_info. */
TRACE_SEC("sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	stamp_wakeup(task);
	return 0;
}

TRACE_SEC("sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *task)
{
	stamp_wakeup(task);
	return 0;
}

static __always_inline void announce(__u32 kind, __u32 tgid, __u32 tid)
{
	struct sched_event *event = bpf_ringbuf_reserve(&sched_events, sizeof(*event), 0);

	if (!event) {
		lost(SCHED_LOST_EVENT);
		return;
	}
	event->kind = kind;
	event->tgid = tgid;
	event->tid = tid;
	event->pad = 0;
	bpf_ringbuf_submit(event, 0);
}

TRACE_SEC("task_newtask")
int BPF_PROG(sched_newtask, struct task_struct *task)
{
	__u32 tgid = READ(task, tgid);
	struct sched_thread *leader = thread_find(tgid);

	if (leader && leader->tgid == tgid)
		announce(SCHED_EVENT_THREAD_NEW, tgid, READ(task, pid));
	return 0;
}

TRACE_SEC("sched_process_exit")
int BPF_PROG(sched_exit, struct task_struct *task)
{
	__u32 tid = READ(task, pid);
	struct sched_thread *t = thread_find(tid);

	if (!t)
		return 0;
	t->flags |= SCHED_F_EXITED;
	announce(SCHED_EVENT_THREAD_EXIT, READ(task, tgid), tid);
	return 0;
}

#ifndef KVMLENS_RAW
/*
 * A thread that has not switched since it was registered blocks since then, or runs since its last
 * arrival: nothing else would ever say so of a vCPU that is never woken, or that has its CPU for
 * itself. Should it switch at this very moment, its next switch puts the record right.
 */
static __always_inline void begin_unseen(struct sched_thread *t, struct task_struct *task)
{
	unsigned int state = task_state(task);

	if (!globals.now)
		return;
	if (state & (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)) {
		t->since = globals.now;
		t->state = state_after(t, task, false);
	} else if (!state && task->on_rq && !task->sched_info.last_queued &&
		   task->sched_info.last_arrival) {
		t->since = task->sched_info.last_arrival;
		t->state = SCHED_STATE_RUNNING;
	}
}

/* Waits that go on while user space reads the records; run by user space once a tick. */
SEC("iter/task")
int sched_waiting(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct sched_waiting waiting = {};
	struct sched_thread *t;

	if (!task || !use_sched_info)
		return 0;
	t = thread_find(task->pid);
	if (!t || t->state == SCHED_STATE_RUNNING || t->state == SCHED_STATE_PREEMPTED)
		return 0;
	if (t->state == SCHED_STATE_UNKNOWN) {
		begin_unseen(t, task);
		return 0;
	}
	waiting.since = task->sched_info.last_queued;
	if (!waiting.since || (t->flags & SCHED_F_DELAYED))
		return 0;
	waiting.tid = t->tid;
	waiting.slot = t->slot;
	bpf_seq_write(ctx->meta->seq, &waiting, sizeof(waiting));
	return 0;
}
#endif

char LICENSE[] SEC("license") = "Dual BSD/GPL";
