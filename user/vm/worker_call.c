// SPDX-License-Identifier: Apache-2.0
#include "vm/worker_call.h"

#include <errno.h>

#include "vm/stats.h"

/* Who sees the end of the call first decides who owns the connection. */
enum { RUNNING, FINISHED, ABANDONED };

struct worker_wake *worker_wake_new(void)
{
	struct worker_wake *wake = g_new0(struct worker_wake, 1);

	wake->ref = 1;
	g_mutex_init(&wake->lock);
	g_cond_init(&wake->cond);
	return wake;
}

struct worker_wake *worker_wake_ref(struct worker_wake *wake)
{
	g_atomic_int_inc(&wake->ref);
	return wake;
}

void worker_wake_unref(struct worker_wake *wake)
{
	if (!g_atomic_int_dec_and_test(&wake->ref))
		return;
	g_mutex_clear(&wake->lock);
	g_cond_clear(&wake->cond);
	g_free(wake);
}

void worker_wake_kick(struct worker_wake *wake)
{
	g_mutex_lock(&wake->lock);
	wake->kicked = true;
	g_cond_broadcast(&wake->cond);
	g_mutex_unlock(&wake->lock);
}

static void on_change(void *arg)
{
	worker_wake_kick(arg);
}

static int list_add(void *arg, const struct kvmlens_vm *vm)
{
	vm_list_add(arg, vm);
	return 0;
}

static int stats_add(void *arg, const char *id, const struct kvmlens_vm_stats *stats)
{
	vm_stats_set_add(arg, id, stats);
	return 0;
}

/* A provider that cannot watch is as good as one that does not offer it: the interval finds it. */
static int do_open(struct worker_call *call)
{
	struct worker_conn *conn = &call->conn;
	int r = conn->ops->open(call->uri, call->arg, &conn->ctx);

	if (!r && conn->ops->watch)
		conn->ops->watch(conn->ctx, on_change, conn->wake);
	return r;
}

static int do_list(struct worker_call *call)
{
	call->list = vm_list_new();
	int r = call->conn.ops->list(call->conn.ctx, list_add, call->list);

	call->list->mono_ns = g_get_monotonic_time() * 1000;
	return r;
}

static int do_stats_all(struct worker_call *call)
{
	call->set = vm_stats_set_new();
	int r = call->conn.ops->stats_all(call->conn.ctx, call->level, stats_add, call->set);

	call->set->mono_ns = g_get_monotonic_time() * 1000;
	return r;
}

static int do_stats(struct worker_call *call)
{
	struct kvmlens_vm_stats stats;
	int r;

	call->set = vm_stats_set_new();
	kvmlens_vm_stats_init(&stats);
	r = call->conn.ops->stats(call->conn.ctx, call->id, call->level, &stats);
	if (!r)
		vm_stats_set_add(call->set, call->id, &stats);
	kvmlens_vm_stats_clear(&stats);
	return r;
}

static int do_close(struct worker_call *call)
{
	call->conn.ops->close(call->conn.ctx);
	call->conn.ctx = NULL;
	return 0;
}

static void call_run(struct offload_job *base)
{
	static int (*const run[])(struct worker_call *) = {
		[WORKER_CALL_OPEN] = do_open,		[WORKER_CALL_LIST] = do_list,
		[WORKER_CALL_STATS_ALL] = do_stats_all, [WORKER_CALL_STATS] = do_stats,
		[WORKER_CALL_CLOSE] = do_close,
	};
	struct worker_call *call = (struct worker_call *)base;

	call->result = run[call->kind](call);
	if (call->result && call->conn.ops->message)
		call->message = g_strdup(call->conn.ops->message());
	if (!g_atomic_int_compare_and_exchange(&call->state, RUNNING, FINISHED) && call->conn.ctx)
		do_close(call);
}

static void call_free(struct offload_job *base)
{
	struct worker_call *call = (struct worker_call *)base;

	vm_list_unref(call->list);
	vm_stats_set_unref(call->set);
	worker_wake_unref(call->conn.wake);
	g_free(call->message);
	g_free(call->uri);
	g_free(call->id);
	g_free(call);
}

struct worker_call *worker_call_new(enum worker_call_kind kind, const struct worker_conn *conn)
{
	struct worker_call *call = g_new0(struct worker_call, 1);

	offload_job_init(&call->base, call_run, call_free);
	call->kind = kind;
	call->conn = *conn;
	worker_wake_ref(conn->wake);
	return call;
}

void worker_call_unref(struct worker_call *call)
{
	if (call)
		offload_job_unref(&call->base);
}

int worker_call_run(struct worker_call *call, struct offload *offload, unsigned deadline_ms)
{
	int r = offload_run(offload, &call->base, deadline_ms);

	if (r == -ETIMEDOUT && g_atomic_int_compare_and_exchange(&call->state, RUNNING, ABANDONED))
		return r;
	/* On a late return it was finished between the deadline and now. */
	return r && r != -ETIMEDOUT ? r : call->result;
}
