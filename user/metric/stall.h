/* SPDX-License-Identifier: Apache-2.0 */
/* Stalls of a VM, as entities of a snapshot: see metric/model.h. core/ finds them. */
#ifndef KVMLENS_METRIC_STALL_H
#define KVMLENS_METRIC_STALL_H

#include <stdint.h>

struct labels;

/* The values of vm.stall.last_cause, which is 0 before the first stall. */
enum stall_cause {
	STALL_NONE,
	STALL_NOT_SCHEDULED, /* runnable, and another ran */
	STALL_THROTTLED, /* runnable, and its cgroup's quota was used up */
	STALL_USERSPACE, /* in an exit that the VMM does not finish */
	STALL_PAGE_FAULT, /* the host brings a page of the guest's memory back */
	STALL_PAUSED, /* no stall: what a look at its threads may show instead of one */
	STALL_SIGSTOP, /* its process is stopped: by a signal, a debugger, its cgroup's freezer */
	STALL_CAUSES,
};

#define STALL_EVENTS_MAX 8 /* remembered of a VM */
#define STALL_NOTE_MAX 64

/* "not_scheduled", "throttled", ... */
const char *stall_cause_name(enum stall_cause cause);
enum stall_cause stall_cause_find(const char *name);
/* What happened, for people: "its process was stopped from outside ...". */
const char *stall_cause_text(enum stall_cause cause);

/* Of all causes together. */
struct stall_totals {
	uint64_t active; /* 1: it goes on; ABSENT: nobody watches */
	uint64_t count, ns; /* the one that goes on included */
	uint64_t last_cause; /* enum stall_cause */
	uint64_t main_loop_up; /* 1: the VMM serves its events; ABSENT: it cannot be told */
	uint64_t main_loop_ns; /* that it did not */
};

struct snap_stall {
	struct labels *labels; /* vm, uuid, cause */
	uint64_t count, ns; /* of those that have ended */
};

/* One of the last stalls. */
struct snap_stall_event {
	struct labels *labels; /* vm, uuid, n (0 is the newest), cause */
	uint32_t cause; /* enum stall_cause */
	uint64_t active; /* 1: it goes on */
	double began; /* seconds since the epoch */
	double seconds;
	char note[STALL_NOTE_MAX]; /* what was seen, in words */
};

#endif
