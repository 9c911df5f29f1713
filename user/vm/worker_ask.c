// SPDX-License-Identifier: Apache-2.0
/* How a worker calls its provider. */
#include "vm/worker_internal.h"

#include <errno.h>

#include "vm/stats.h"

#define DEADLINE_MIN_MS 2000
#define DEADLINE_MAX_MS 30000

static unsigned deadline_of(const struct worker *worker, enum worker_call_kind kind)
{
	return worker->config.deadline_ms ?: MAX(worker->deadline_ms[kind], DEADLINE_MIN_MS);
}

/* A lost connection is given up at once; closing it may hang like anything else. */
void worker_disconnect(struct worker *worker)
{
	struct worker_call *call;

	if (!worker->conn.ctx)
		return;
	call = worker_call_new(WORKER_CALL_CLOSE, &worker->conn);
	worker->conn.ctx = NULL;
	if (worker_call_run(call, worker->offload, deadline_of(worker, WORKER_CALL_CLOSE)) ==
	    -ETIMEDOUT)
		worker_count_overrun(worker);
	worker_call_unref(call);
}

/*
 * Answers teach how long a kind of call takes. A deadline that was missed grows, so that a host
 * whose answers just take longer is not taken for one that hangs.
 */
static void learn(struct worker *worker, enum worker_call_kind kind, int result, gint64 took_ms)
{
	if (result == -EBUSY || result == -EAGAIN)
		return;
	took_ms = result == -ETIMEDOUT ? took_ms * 2 : took_ms * 4;
	worker->deadline_ms[kind] = CLAMP(took_ms, DEADLINE_MIN_MS, DEADLINE_MAX_MS);
}

static int run_call(struct worker *worker, struct worker_call *call)
{
	gint64 start = g_get_monotonic_time();
	int r;

	g_clear_pointer(&worker->message, g_free);
	if (offload_parked(worker->offload) >= WORKER_PARKED_MAX)
		return -EBUSY;
	r = worker_call_run(call, worker->offload, deadline_of(worker, call->kind));
	if (r != -ETIMEDOUT)
		worker->message = g_steal_pointer(&call->message);
	learn(worker, call->kind, r, (g_get_monotonic_time() - start) / 1000);
	if (r == -ETIMEDOUT) {
		worker_count_overrun(worker);
		worker->conn.ctx = NULL;
	}
	return r;
}

int worker_connect(struct worker *worker)
{
	struct worker_call *call = worker_call_new(WORKER_CALL_OPEN, &worker->conn);
	int r;

	call->uri = g_strdup(worker->uri);
	call->arg = worker->config.arg;
	r = run_call(worker, call);
	if (!r) {
		worker->conn.ctx = call->conn.ctx;
		if (worker->opened)
			worker_count_reconnect(worker);
		worker->opened = true;
	}
	worker_call_unref(call);
	return r;
}

int worker_ask_list(struct worker *worker)
{
	struct worker_call *call = worker_call_new(WORKER_CALL_LIST, &worker->conn);
	int r = run_call(worker, call);

	if (!r)
		worker_publish_list(worker, g_steal_pointer(&call->list));
	worker_call_unref(call);
	return r;
}

static int ask_stats_all(struct worker *worker)
{
	struct worker_call *call = worker_call_new(WORKER_CALL_STATS_ALL, &worker->conn);
	int r;

	call->level = worker->config.level;
	r = run_call(worker, call);
	if (!r)
		worker_publish_stats(worker, g_steal_pointer(&call->set));
	worker_call_unref(call);
	return r;
}

/* Does the call about this VM that overran some time ago still hang? */
static bool still_hangs(struct worker *worker, const char *id)
{
	struct worker_call *call = g_hash_table_lookup(worker->hung, id);

	if (!call)
		return false;
	if (!offload_job_done(&call->base))
		return true;
	g_hash_table_remove(worker->hung, id);
	return false;
}

/* One VM, into set. A VM that has vanished in the meantime is no error. */
static int ask_stats_of(struct worker *worker, const char *id, struct vm_stats_set *set)
{
	struct worker_call *call = worker_call_new(WORKER_CALL_STATS, &worker->conn);
	const struct kvmlens_vm_stats *stats;
	int r;

	call->id = g_strdup(id);
	call->level = worker->config.level;
	r = run_call(worker, call);
	if (r == -ETIMEDOUT) {
		g_hash_table_insert(worker->hung, g_strdup(id), g_steal_pointer(&call));
	} else if (!r) {
		stats = vm_stats_find(call->set, id);
		if (stats)
			vm_stats_set_add(set, id, stats);
	}
	worker_call_unref(call);
	return r;
}

static int ask_stats_each(struct worker *worker)
{
	struct vm_stats_set *set = vm_stats_set_new();
	struct vm_list *list = worker_list(worker);
	int r = 0;

	for (unsigned i = 0; list && i < list->vms->len; i++) {
		const struct vm_entry *entry = list->vms->pdata[i];

		if (still_hangs(worker, entry->id))
			continue;
		r = ask_stats_of(worker, entry->id, set);
		if (r == -ETIMEDOUT || r == -ENOTCONN || r == -EBUSY)
			break;
		r = 0;
	}
	set->mono_ns = g_get_monotonic_time() * 1000;
	vm_list_unref(list);
	if (r)
		vm_stats_set_unref(set);
	else
		worker_publish_stats(worker, set);
	return r;
}

int worker_ask_stats(struct worker *worker)
{
	if (worker->config.no_stats)
		return 0;
	if (offload_parked(worker->offload) >= WORKER_PARKED_STATS_MAX)
		return -EBUSY;
	return worker->config.ops->stats_all ? ask_stats_all(worker) : ask_stats_each(worker);
}
