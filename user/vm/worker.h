/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One provider's own thread: it opens the provider, asks it once an interval for its VMs and
 * their statistics, and publishes what it got as immutable, counted results. The tick and
 * discovery take the newest result and never wait. A call that overruns its deadline is left
 * where it hangs, its thread parked with the connection it uses, and the worker goes on with
 * a connection and a thread of its own. The number of parked threads is bounded.
 */
#ifndef KVMLENS_VM_WORKER_H
#define KVMLENS_VM_WORKER_H

#include "vm/vm_list.h"

/* Zeroed members take the defaults. Everything but ops is optional. */
struct worker_config {
	const struct kvmlens_provider_ops *ops;
	const char *uri; /* for ops->open, copied */
	void *arg; /* for ops->open */
	unsigned interval_ms; /* between two rounds; default 10000 */
	enum kvmlens_level level; /* the highest level of any VM */
	bool no_stats; /* ask for the list alone */
	unsigned deadline_ms; /* of one call; 0: from what earlier calls took, 2 s to 30 s */
};

/* For struct snap_provider and doctor. */
struct worker_health {
	bool up; /* the newest round answered in time */
	uint64_t vms; /* in the newest list */
	uint64_t reconnects; /* opens after the first that succeeded */
	uint64_t overruns; /* calls that passed their deadline */
	uint64_t parked; /* threads that hang in a call now */
	uint64_t dropped; /* VMs left out of the newest list because of a bound */
	uint64_t list_ns, stats_ns; /* CLOCK_MONOTONIC of the newest results, 0: none yet */
	char error[160]; /* what was wrong last, "" when up */
};

struct worker;

typedef void (*worker_changed_fn)(void *arg);

/* Create; nothing runs yet. Never NULL. */
struct worker *worker_new(const struct worker_config *config);

/*
 * Start the thread. changed (may be NULL) is called from the worker's thread whenever a new list
 * differs from the one before. A provider that cannot be opened is no error: the worker tries
 * again with back-off. -EAGAIN: no thread could be made.
 */
int worker_start(struct worker *worker, worker_changed_fn changed, void *arg);

/* Ask for a new list now rather than at the next interval. Any thread, never blocks. */
void worker_kick(struct worker *worker);

/*
 * Wait until the first list and statistics have come or the provider has failed once, at most
 * timeout_ms; for those who want one snapshot only. False: nothing was heard in that time.
 */
bool worker_wait(struct worker *worker, unsigned timeout_ms);

/* Newest results, NULL before the first. Give back with the matching unref. Never blocks. */
struct vm_list *worker_list(struct worker *worker);
struct vm_stats_set *worker_stats(struct worker *worker);
void worker_health(struct worker *worker, struct worker_health *ret_health);
const char *worker_name(const struct worker *worker); /* the provider's; static */

/*
 * End and free; waits for a call in flight for a second at most. Threads that hang free
 * themselves and their own connection whenever their call returns.
 */
void worker_free(struct worker *worker);

#endif
