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

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <kvmlens.h>

/* What a provider's list() said of one VM; strings are owned by the list. */
struct vm_entry {
	char *id, *name, *uuid; /* uuid is NULL where the provider has none */
	int pid; /* 0: unknown */
	enum kvmlens_vm_state state;
	struct kvmlens_tag *info;
	size_t n_info;
};

/* A finished list(). */
struct vm_list {
	gint ref;
	uint64_t mono_ns; /* when the answer was complete, CLOCK_MONOTONIC */
	GPtrArray *vms; /* struct vm_entry *, in the provider's order */
};

/* Finished statistics of all VMs that answered. */
struct vm_stats_set {
	gint ref;
	uint64_t mono_ns;
	GHashTable *by_id; /* const char * -> struct kvmlens_vm_stats * */
};

struct vm_list *vm_list_ref(struct vm_list *list);
void vm_list_unref(struct vm_list *list);
struct vm_stats_set *vm_stats_set_ref(struct vm_stats_set *set);
void vm_stats_set_unref(struct vm_stats_set *set);

/* NULL: the provider said nothing of this VM. Lives as long as the set. */
const struct kvmlens_vm_stats *vm_stats_find(const struct vm_stats_set *set, const char *id);

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

/* Ask for a round now rather than at the next interval. Any thread, never blocks. */
void worker_kick(struct worker *worker);

/* Newest results, NULL before the first. Give back with the matching unref. Never blocks. */
struct vm_list *worker_list(struct worker *worker);
struct vm_stats_set *worker_stats(struct worker *worker);
void worker_health(struct worker *worker, struct worker_health *ret_health);
const char *worker_name(const struct worker *worker); /* the provider's; static */

/*
 * End and free. Waits for a call in flight for at most its deadline; threads that hang free
 * their own connection whenever their call returns.
 */
void worker_free(struct worker *worker);

#endif
