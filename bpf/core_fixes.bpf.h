/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every difference between kernels that BPF code has to know, each with the commit that made it.
 * A flavour struct is named by the version up to, or from, which it holds.
 *
 * READ(): in a BTF-typed program a plain access, in a raw one a probe read. The same source makes
 * both objects (sched_raw.bpf.c).
 */
#ifndef KVMLENS_CORE_FIXES_BPF_H
#define KVMLENS_CORE_FIXES_BPF_H

#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#ifdef KVMLENS_RAW
#define READ(p, field) BPF_CORE_READ(p, field)
#define TRACE_SEC(name) SEC("raw_tp/" name)
#else
#define READ(p, field) ((p)->field)
#define TRACE_SEC(name) SEC("tp_btf/" name)
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* 2f064a59a11f (5.14): task_struct.state became __state. */
struct task_struct___before_5_14 {
	long state;
};

/* bcf9033e5449 (5.16): a task's CPU moved into thread_info. */
struct task_struct___before_5_16 {
	unsigned int cpu;
};

/*
 * How long a run queue of a group has been throttled, itself or above: 677ea015f231 (6.6) counts
 * it while it has tasks, in time of the run queue clock. 64eaf50731ac (5.19) had renamed what
 * there was before, which counts in all that time.
 */
struct cfs_rq___before_6_6 {
	__u64 throttled_clock_pelt_time;
};

struct cfs_rq___before_5_19 {
	__u64 throttled_clock_task_time;
};

/* 152e11f6df29 (6.12): a blocking task may stay queued, its dequeue delayed. */
struct sched_entity___from_6_12 {
	unsigned char sched_delayed;
};

struct task_struct___from_6_12 {
	struct sched_entity___from_6_12 se;
};

/* 0193cc908b5a (5.14): the counters common to all architectures moved into "generic". */
struct kvm_vcpu_stat___before_5_14 {
	__u64 halt_successful_poll;
	__u64 halt_attempted_poll;
	__u64 halt_poll_invalid;
	__u64 halt_wakeup;
	__u64 halt_poll_success_ns;
	__u64 halt_poll_fail_ns;
	__u64 halt_wait_ns;
};

struct kvm_vcpu___before_5_14 {
	struct kvm_vcpu_stat___before_5_14 stat;
};

/* a54d806688fe (5.17): memory slots moved from an array into a hash and two trees. */
struct kvm_memslots___before_5_17 {
	int used_slots;
	struct kvm_memory_slot memslots[];
};

/* f3fa33acca9f (5.17): no rq_disk in struct request; the queue has it since d152c682f03c (5.15). */
struct request___before_5_17 {
	struct gendisk *rq_disk;
};

/*
 * 0a62a0319abb (5.16): the exit reason is no argument of the tracepoint any more, only a field of
 * its record. arm64 calls the field ret.
 */
struct trace_event_raw_kvm_exit {
	unsigned int exit_reason;
};

struct trace_event_raw_kvm_exit___arm64 {
	int ret;
};

#pragma clang attribute pop

static __always_inline __u32 exit_reason_of(struct trace_event_raw_kvm_exit *record)
{
	struct trace_event_raw_kvm_exit___arm64 *arm64 = (void *)record;

	if (bpf_core_field_exists(record->exit_reason))
		return BPF_CORE_READ(record, exit_reason);
	if (bpf_core_field_exists(arm64->ret))
		return BPF_CORE_READ(arm64, ret);
	return ~0u;
}

static __always_inline unsigned int task_state(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return READ(task, __state);
	return READ((struct task_struct___before_5_14 *)task, state);
}

static __always_inline bool task_dequeue_delayed(struct task_struct *task)
{
	struct task_struct___from_6_12 *t = (void *)task;

	return bpf_core_field_exists(t->se.sched_delayed) && READ(t, se.sched_delayed);
}

/* Inside the KVM_RUN ioctl; only KVM registers preempt notifiers. */
static __always_inline bool task_in_kvm_run(struct task_struct *task)
{
	return bpf_core_field_exists(task->preempt_notifiers) &&
	       READ(task, preempt_notifiers.first);
}

/* The run queue that the task is on; se.cfs_rq is kept up to date for every scheduling class. */
static __always_inline struct rq *task_rq(struct task_struct *task)
{
#ifdef KVMLENS_RAW
	return BPF_CORE_READ(task, se.cfs_rq, rq);
#else
	return task->se.cfs_rq->rq;
#endif
}

/* The CPU whose run queue the task is on. */
static __always_inline __u32 task_on_cpu(struct task_struct *task)
{
	struct task_struct___before_5_16 *before = (void *)task;

	if (bpf_core_field_exists(task->thread_info.cpu))
		return READ(task, thread_info.cpu);
	if (bpf_core_field_exists(before->cpu))
		return READ(before, cpu);
	return READ(task_rq(task), cpu);
}

/* No task of its group may run: it is on its run queue, but not in nr_running. */
static __always_inline bool task_throttled(struct task_struct *task)
{
	struct cfs_rq *cfs_rq = READ(task, se.cfs_rq);

	return bpf_core_field_exists(cfs_rq->throttle_count) && READ(cfs_rq, throttle_count);
}

/* For how long tasks of its group have not been allowed to run on its CPU. */
static __always_inline __u64 task_throttled_ns(struct task_struct *task)
{
	struct cfs_rq *cfs_rq = READ(task, se.cfs_rq);
	struct cfs_rq___before_6_6 *before_6_6 = (void *)cfs_rq;
	struct cfs_rq___before_5_19 *before_5_19 = (void *)cfs_rq;

	if (bpf_core_field_exists(cfs_rq->throttled_clock_self_time))
		return READ(cfs_rq, throttled_clock_self_time);
	if (bpf_core_field_exists(before_6_6->throttled_clock_pelt_time))
		return READ(before_6_6, throttled_clock_pelt_time);
	if (bpf_core_field_exists(before_5_19->throttled_clock_task_time))
		return READ(before_5_19, throttled_clock_task_time);
	return 0;
}

/* The cgroup's id in the unified tree. */
static __always_inline __u64 task_cgroup_id(struct task_struct *task)
{
#ifdef KVMLENS_RAW
	return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
#else
	return task->cgroups->dfl_cgrp->kn->id;
#endif
}

/* The id in the tree of the cpu controller; 0 in an autogroup, which has no cgroup. */
static __always_inline __u64 task_cpu_cgroup_id(struct task_struct *task)
{
	if (!bpf_core_field_exists(task->sched_task_group))
		return 0;
#ifdef KVMLENS_RAW
	return BPF_CORE_READ(task, sched_task_group, css.cgroup, kn, id);
#else
	return task->sched_task_group->css.cgroup->kn->id;
#endif
}

/*
 * The inode of a device's network namespace; 0 without CONFIG_NET_NS.
 *
 * c504e5c2f964 (5.17): kfree_skb tells a reason, its third argument. A program that reads it does
 * not load before, which is how that is found out.
 */
static __always_inline __u32 device_netns(struct net_device *dev)
{
	if (!bpf_core_field_exists(dev->nd_net.net))
		return 0;
	return dev->nd_net.net->ns.inum;
}

/*
 * a54895fa057c (5.11): the tracepoints block_rq_insert and block_rq_issue lost their first
 * argument, the queue; which of the two forms of a program to load is found in user/probe/block.c.
 */
static __always_inline struct gendisk *request_disk(struct request *rq)
{
	struct request___before_5_17 *old = (void *)rq;

	if (bpf_core_field_exists(old->rq_disk))
		return READ(old, rq_disk);
#ifdef KVMLENS_RAW
	return BPF_CORE_READ(rq, q, disk);
#else
	return rq->q->disk;
#endif
}

/* Major and minor of the whole disk, as the kernel packs a dev_t; 0: it has no disk. */
static __always_inline __u32 request_dev(struct request *rq)
{
	struct gendisk *disk = request_disk(rq);

	return disk ? READ(disk, major) << 20 | READ(disk, first_minor) : 0;
}

/* The cgroup that a request is charged to, in the tree of the block controller; 0: none. */
static __always_inline __u64 request_cgroup_id(struct request *rq)
{
	struct bio *bio = READ(rq, bio);

	if (!bpf_core_field_exists(bio->bi_blkg) || !bio)
		return 0;
#ifdef KVMLENS_RAW
	return BPF_CORE_READ(bio, bi_blkg, blkcg, css.cgroup, kn, id);
#else
	return bio->bi_blkg->blkcg->css.cgroup->kn->id;
#endif
}

#endif
