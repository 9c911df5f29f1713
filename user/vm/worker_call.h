/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of a provider's operation, run on a helper thread. A call that overruns its deadline
 * keeps the connection that it hangs in, and closes it when it returns at last.
 */
#ifndef KVMLENS_VM_WORKER_CALL_H
#define KVMLENS_VM_WORKER_CALL_H

#include "util/offload.h"
#include "vm/vm_list.h"

/* Wakes the worker's thread; shared with connections, which may outlive the worker. */
struct worker_wake {
	gint ref;
	GMutex lock;
	GCond cond;
	bool kicked, stop;
};

struct worker_wake *worker_wake_new(void);
struct worker_wake *worker_wake_ref(struct worker_wake *wake);
void worker_wake_unref(struct worker_wake *wake);
void worker_wake_kick(struct worker_wake *wake);

/* An open provider. */
struct worker_conn {
	const struct kvmlens_provider_ops *ops;
	void *ctx;
	struct worker_wake *wake;
};

enum worker_call_kind {
	WORKER_CALL_OPEN,
	WORKER_CALL_LIST,
	WORKER_CALL_STATS_ALL,
	WORKER_CALL_STATS,
	WORKER_CALL_CLOSE,
	WORKER_CALLS,
};

struct worker_call {
	struct offload_job base;
	gint state;
	enum worker_call_kind kind;
	struct worker_conn conn; /* wake is a reference */
	char *uri; /* of open */
	void *arg;
	char *id; /* of stats */
	enum kvmlens_level level;
	int result;
	char *message; /* why it failed, in the provider's words; NULL: it has none */
	struct vm_list *list;
	struct vm_stats_set *set;
};

/* conn is copied, with a reference to its wake. */
struct worker_call *worker_call_new(enum worker_call_kind kind, const struct worker_conn *conn);
void worker_call_unref(struct worker_call *call);

/*
 * The operation's own result, or -ETIMEDOUT: it hangs and has taken the connection along.
 * -EBUSY, -EAGAIN: it was not run, see offload_run.
 */
int worker_call_run(struct worker_call *call, struct offload *offload, unsigned deadline_ms);

#endif
