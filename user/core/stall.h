/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stalls, as policy: when a VM stalls, what for, and what is remembered of it. Pure; the looks
 * at records and /proc that it judges come from stall_watch.c and stall_look.c.
 *
 * A VM stalls when no vCPU has run for some time although one wanted to. A vCPU that is halted
 * wants nothing; one that is runnable, or blocked anywhere else than in a halt, does: it is in
 * the midst of something. A paused VM does not stall, nor does one that was never started: its
 * vCPU threads run for housekeeping alone, and may well wait for a CPU then.
 */
#ifndef KVMLENS_CORE_STALL_H
#define KVMLENS_CORE_STALL_H

#include <glib.h>
#include <stdbool.h>
#include "metric/model.h"

#define STALL_THREADS 8 /* of a VM that are looked at in /proc */

/* A vCPU as its record tells of it. Times are the run queue clock's. */
struct stall_vcpu {
	uint8_t state; /* enum sched_state */
	uint64_t since; /* of the state */
	uint64_t queued; /* since when it has been woken and waits for a CPU; 0: it has not */
	uint64_t run_ns, switches;
};

/*
 * Since when the VM stalls, as far as these vCPUs show: the moment from which on none ran and one
 * wanted to. 0: it does not.
 */
uint64_t stall_since(const struct stall_vcpu *vcpus, size_t n);

/* When the first vCPU ran again that did since before; now when none did. */
uint64_t stall_end(const struct stall_vcpu *before, const struct stall_vcpu *vcpus, size_t n,
		   uint64_t now);

enum stall_call {
	CALL_UNKNOWN, /* could not be read */
	CALL_NONE, /* it is in no system call: a fault, or stopped on its way out */
	CALL_RUN, /* ioctl(KVM_RUN) */
	CALL_FUTEX, /* waiting for a lock that another thread holds, or for an event */
	CALL_REST, /* waiting on a condition variable, or parked */
	CALL_POLL, /* poll, ppoll, epoll_wait, ... */
	CALL_OTHER,
};

/* A thread as /proc tells of it. */
struct stall_thread {
	char state; /* R, S, D, T, t, ...; 0: unknown */
	enum stall_call call;
	uint64_t arg; /* of the call, the first: a futex's address */
	char wchan[32]; /* where it sleeps in the kernel, "": unknown */
};

/* /proc/PID/task/TID/syscall. */
void stall_parse_call(const char *text, struct stall_thread *thread);

struct stall_look {
	struct stall_thread vcpus[STALL_THREADS]; /* those that want to run */
	unsigned n;
	struct stall_thread main; /* the VMM's first thread */
	bool said_paused; /* by a provider */
	bool has_quota; /* a cgroup above the vCPUs limits their CPU time */
	uint64_t throttled_ns; /* that these cgroups were throttled while it stalled */
	bool was_throttled; /* they have been, ever */
	uint64_t stalled_ns; /* so far */
	bool ended;
};

/* Why; note (STALL_NOTE_MAX) gets what was seen, in words. */
enum stall_cause stall_judge(const struct stall_look *look, char *note);

/* Is it not the VMM's main loop that keeps this thread asleep? */
bool stall_main_is_held(const struct stall_thread *thread);

/* What is remembered of a VM. */
struct stall_memory {
	uint64_t begun, total_ns; /* the current one included */
	uint64_t count[STALL_CAUSES], ns[STALL_CAUSES]; /* of those that have ended */
	struct stall_event {
		enum stall_cause cause;
		uint64_t began_ns, ns; /* since the epoch; ns: until it ended, or so far */
		bool active;
		char note[STALL_NOTE_MAX];
	} events[STALL_EVENTS_MAX]; /* newest first */
	unsigned n_events;
	uint64_t main_loop; /* 0, 1, ABSENT */
	uint64_t main_loop_ns;
	bool paused; /* now: by its VMM, as its provider says or its threads show */
};

void stall_begin(struct stall_memory *memory, uint64_t began_ns);
/* One that an earlier run has counted already, counted_ns of its time. */
void stall_resume(struct stall_memory *memory, uint64_t began_ns, uint64_t counted_ns);
/* Of the stall that goes on, if one does: its cause as it is seen now, how long it has been. */
void stall_update(struct stall_memory *memory, enum stall_cause cause, const char *note,
		  uint64_t ns, bool ended);
bool stall_is_active(const struct stall_memory *memory);
void stall_totals(const struct stall_memory *memory, struct stall_totals *ret_totals);

#endif
