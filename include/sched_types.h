/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ABI between bpf/sched.bpf.c and user space. Everything here is cumulative and never reset by
 * the kernel side; user space subtracts. All times are nanoseconds of the run queue clock.
 */
#ifndef KVMLENS_SCHED_TYPES_H
#define KVMLENS_SCHED_TYPES_H

#include <linux/types.h>

/* Bumped on any change of a layout in this file; decides whether pinned maps may be adopted. */
#define SCHED_ABI_VERSION 2

/*
 * Wait histograms: bucket i counts waits of at most 2^(SCHED_HIST_SHIFT + i) ns, the last one
 * everything longer. 2^10 ns (1 us) to 2^32 ns (4.3 s).
 */
#define SCHED_HIST_SHIFT 10
#define SCHED_HIST_BUCKETS 24

/* A thread is found by pid & (SCHED_PID_SLOTS - 1), then along struct sched_thread.next. */
#define SCHED_PID_SLOTS 65536
#define SCHED_CHAIN_MAX 8 /* user space never makes a longer one */

enum sched_role {
	SCHED_ROLE_NONE = 0,
	SCHED_ROLE_VCPU,
	SCHED_ROLE_EMULATOR,
	SCHED_ROLE_IOTHREAD,
	SCHED_ROLE_VHOST,
	SCHED_ROLE_AGENT, /* kvmlens itself: aligns the run queue clock with user space */
	/*
	 * What threads that have left a VM had accumulated: one record for each role of which
	 * threads left, the role in .state, outside the hash chains.
	 */
	SCHED_ROLE_RETIRED,
	SCHED_ROLE_MAX,
};

enum sched_state {
	SCHED_STATE_UNKNOWN = 0, /* not seen since it was registered */
	SCHED_STATE_RUNNING,
	SCHED_STATE_PREEMPTED, /* runnable */
	SCHED_STATE_HALTED, /* blocked interruptibly and inside KVM_RUN, or TCG */
	SCHED_STATE_BLOCKED, /* blocked for any other cause */
};

/*
 * Blame: who ran while a thread waited. An entity is a kind in the top 8 bits and its number:
 * VM: role << 32 | tgid of the VMM; CGROUP: the cgroup's id; KERNEL: enum sched_kernel_class.
 */
enum sched_entity_kind {
	SCHED_ENTITY_NONE = 0,
	SCHED_ENTITY_VM,
	SCHED_ENTITY_CGROUP, /* of the unified tree */
	SCHED_ENTITY_CGROUP_CPU, /* of the cpu controller's tree, on a hybrid host */
	SCHED_ENTITY_KERNEL,
	SCHED_ENTITY_IDLE, /* of a segment alone: nothing ran */
};

#define SCHED_ENTITY_SHIFT 56

enum sched_kernel_class {
	SCHED_KERNEL_OTHER,
	SCHED_KERNEL_KWORKER,
	SCHED_KERNEL_KSOFTIRQD,
	SCHED_KERNEL_MIGRATION,
	SCHED_KERNEL_AGENT, /* kvmlens itself */
};

/*
 * Who ran while the thread waited, and what else kept it; all of it sums to the waits. When all
 * entries are in use the smallest gives way: what it had goes to folded_ns of its class.
 */
#define SCHED_BLAME_ENTRIES 16

enum sched_blame_class { SCHED_CLASS_VM, SCHED_CLASS_HOST, SCHED_CLASSES };

struct sched_blame {
	__u32 recent; /* entry that was charged last */
	__u32 pad;
	__u64 idle_ns; /* the CPU idled: the time from a wakeup to the end of its sleep */
	__u64 throttled_ns; /* its cgroup's quota was used up */
	__u64 unseen_ns; /* nobody was seen to run: waiting elsewhere, lost segments */
	__u64 folded_ns[SCHED_CLASSES];
	__u64 entity[SCHED_BLAME_ENTRIES];
	__u64 ns[SCHED_BLAME_ENTRIES];
};

/*
 * One tracked thread. Written by sched_switch alone, under the run queue's lock, but for the
 * first four words and the entity, which user space sets before it publishes the slot. seq is odd
 * while the record is being changed, blame included: that sums to the waits in every copy.
 */
struct sched_thread {
	__u32 seq;
	__u32 tid;
	__u32 tgid;
	__u16 next; /* next slot of the same hash chain, 0 ends it */
	__u8 role; /* enum sched_role */
	__u8 state; /* enum sched_state */
	__u64 since; /* of the state: last switch-in while running, else last switch-out */
	__u64 run_delay_seen; /* sched_info.run_delay as it stands after the last switch-in */
	__u64 run_ns;
	__u64 wake_ns; /* wake latency; ready time is wake_ns + preempt_ns */
	__u64 preempt_ns; /* steal time */
	__u64 halted_ns;
	__u64 blocked_ns;
	__u64 gtime_ns; /* task_struct.gtime at the last switch-out: tick-sampled guest time */
	__u64 gtime_base; /* the same when tracking began */
	__u64 dropped_ns; /* run_delay that was sleep in truth (delayed dequeue, migrated) */
	__u64 switches; /* times switched in */
	__u64 preempts; /* times switched out while runnable */
	__u64 migrations;
	__u32 cpu; /* of the last switch-in */
	__u16 flags; /* SCHED_F_* */
	__u16 slot; /* its own */
	__u64 entity; /* what others are told of it: see SCHED_ENTITY_* */
	__u64 throttled_seen; /* the run queue's throttled time at the last switch-in */
	__u64 wake_hist[SCHED_HIST_BUCKETS];
	__u64 preempt_hist[SCHED_HIST_BUCKETS];
	struct sched_blame blame; /* of a vCPU */
};

#define SCHED_F_SEEN 1u /* run_delay_seen is valid */
#define SCHED_F_DELAYED 2u /* migrated while its dequeue was delayed: the next wait is not one */
#define SCHED_F_TCG 4u /* set by user space: a vCPU thread with no KVM_RUN to look for */
#define SCHED_F_GTIME 16u /* gtime_base is valid */
#define SCHED_F_EXITED 8u /* the thread is gone; the record waits for user space to free it */

#ifdef __STDC_VERSION__
_Static_assert(sizeof(struct sched_thread) == 832, "sched_thread is part of the ABI");
#endif

/*
 * What sched_switch looks at for every task on the host, in .bss, where an access costs no helper
 * call. Written by user space through mmap, but for blame_cpus.
 */
#define SCHED_CPUS_MAX 8192

struct sched_globals {
	__u16 pid_slots[SCHED_PID_SLOTS]; /* slot of the first record of each chain, 0: none */
	__u64 now; /* run queue clock at the last run of the task iterator; 0: unknown */
	__u64 blame_on; /* not 0: find out who ran while a tracked thread waited */
	__u8 blame_cpus[SCHED_CPUS_MAX]; /* 1: a tracked vCPU has been seen on this CPU */
};

/* What ran on one CPU lately while somebody waited there. Map "sched_blame_cpus", by CPU. */
#define SCHED_SEGMENTS 128

struct sched_segment {
	__u64 start, end, entity;
};

struct sched_blame_cpu {
	__u32 head; /* next to be written, modulo SCHED_SEGMENTS */
	__u32 pad;
	__u64 charged, upto; /* of the wait that is being charged: done, and up to where not */
	struct sched_segment ring[SCHED_SEGMENTS];
};

/* Reasons for lost information, counted per CPU in map "sched_lost". */
enum sched_lost {
	SCHED_LOST_NO_SCHED_INFO, /* switch-in without a kernel stamp */
	SCHED_LOST_CLOCK, /* a stamp lay in the future of the run queue clock */
	SCHED_LOST_DELAYED, /* samples dropped for SCHED_F_DELAYED */
	SCHED_LOST_EVENT, /* ring buffer full: a thread's birth or death was not announced */
	SCHED_LOST_SEGMENTS, /* a wait was longer than its CPU's ring remembers: in part unseen */
	SCHED_LOST_MAX,
};

/*
 * What the task iterator says of a tracked thread that blocked but has been woken since, and
 * still waits for a CPU: sched_switch learns of that only when the wait ends.
 */
struct sched_waiting {
	__u32 tid;
	__u32 slot;
	__u64 since; /* run queue clock */
};

/* Ring buffer "sched_events": a thread was born in, or left, a tracked process. */
enum sched_event_kind { SCHED_EVENT_THREAD_NEW = 1, SCHED_EVENT_THREAD_EXIT };

struct sched_event {
	__u32 kind;
	__u32 tgid;
	__u32 tid;
	__u32 pad;
};

#endif
