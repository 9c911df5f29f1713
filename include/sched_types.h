/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ABI between bpf/sched.bpf.c and user space. Everything here is cumulative and never reset by
 * the kernel side; user space subtracts. All times are nanoseconds of the run queue clock.
 */
#ifndef KVMLENS_SCHED_TYPES_H
#define KVMLENS_SCHED_TYPES_H

#include <linux/types.h>

/* Bumped on any change of a layout in this file; decides whether pinned maps may be adopted. */
#define SCHED_ABI_VERSION 1

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
 * One tracked thread. Written by sched_switch alone, under the run queue's lock, but for the
 * first four words, which user space sets before it publishes the slot. seq is odd while the
 * record is being changed.
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
	__u64 wake_hist[SCHED_HIST_BUCKETS];
	__u64 preempt_hist[SCHED_HIST_BUCKETS];
};

#define SCHED_F_SEEN 1u /* run_delay_seen is valid */
#define SCHED_F_DELAYED 2u /* migrated while its dequeue was delayed: the next wait is not one */
#define SCHED_F_TCG 4u /* set by user space: a vCPU thread with no KVM_RUN to look for */
#define SCHED_F_GTIME 16u /* gtime_base is valid */
#define SCHED_F_EXITED 8u /* the thread is gone; the record waits for user space to free it */

#ifdef __STDC_VERSION__
_Static_assert(sizeof(struct sched_thread) == 512, "sched_thread is part of the ABI");
#endif

/* Reasons for lost information, counted per CPU in map "sched_lost". */
enum sched_lost {
	SCHED_LOST_NO_SCHED_INFO, /* switch-in without a kernel stamp */
	SCHED_LOST_CLOCK, /* a stamp lay in the future of the run queue clock */
	SCHED_LOST_DELAYED, /* samples dropped for SCHED_F_DELAYED */
	SCHED_LOST_EVENT, /* ring buffer full: a thread's birth or death was not announced */
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
