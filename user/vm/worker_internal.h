/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the worker share: its state, what it publishes and how it asks. */
#ifndef KVMLENS_VM_WORKER_INTERNAL_H
#define KVMLENS_VM_WORKER_INTERNAL_H

#include "vm/worker.h"
#include "vm/worker_call.h"

/* While statistics hang, a thread must remain for the list, which does not hang on a VM. */
#define WORKER_PARKED_STATS_MAX 4
#define WORKER_PARKED_MAX 6
#define WORKER_CLOSES_MAX 2 /* more, for connections that hang while they are closed */

struct worker {
	gint ref; /* the owner's and the thread's */
	struct worker_config config;
	char *uri;
	struct offload *offload;
	struct worker_wake *wake;

	/* Of the thread alone. */
	struct worker_conn conn; /* ctx NULL: closed */
	bool opened; /* once at least */
	gint64 retry_at, full_at; /* us of the monotonic clock */
	unsigned backoff_ms;
	unsigned deadline_ms[WORKER_CALLS];
	char *message; /* the provider's words on the last call, NULL */
	GHashTable *hung; /* id -> call, where each VM is asked by itself */

	/* Shared. */
	GMutex notify; /* held while changed runs, so that worker_free can wait for it */
	worker_changed_fn changed;
	void *changed_arg;

	GMutex lock; /* of what follows */
	GCond heard;
	bool ended, answered;
	struct vm_list *list;
	struct vm_stats_set *stats;
	struct worker_health health;
};

/* Publishing, from the worker's thread. */
void worker_set_up(struct worker *worker, bool up);
/* what failed and why, in the words of worker->message if there are any. */
void worker_set_error(struct worker *worker, const char *what, int error);
void worker_count_overrun(struct worker *worker);
void worker_count_reconnect(struct worker *worker);
void worker_publish_list(struct worker *worker, struct vm_list *list);
void worker_publish_stats(struct worker *worker, struct vm_stats_set *set);
/* One of the flags under lock has become true: tell who waits for it. */
void worker_raise(struct worker *worker, bool *flag);
bool worker_wait_flag(struct worker *worker, const bool *flag, unsigned timeout_ms);

/* Asking; negative errno, -ETIMEDOUT: a call hangs and has taken the connection along. */
int worker_connect(struct worker *worker);
void worker_disconnect(struct worker *worker);
int worker_ask_list(struct worker *worker);
int worker_ask_stats(struct worker *worker);

#endif
