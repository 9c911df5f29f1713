// SPDX-License-Identifier: Apache-2.0
#include "vm/worker_internal.h"

#include <errno.h>

#define DEFAULT_INTERVAL_MS 10000
#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 30000
#define KICK_GAP_MS 50 /* a VM that starts makes several events at once */
#define STOP_WAIT_MS 1000

static void hung_free(gpointer data)
{
	worker_call_unref(data);
}

struct worker *worker_new(const struct worker_config *config)
{
	struct worker *worker = g_new0(struct worker, 1);

	worker->ref = 1;
	worker->config = *config;
	worker->uri = g_strdup(config->uri);
	if (!worker->config.interval_ms)
		worker->config.interval_ms = DEFAULT_INTERVAL_MS;
	worker->ended = true;
	worker->offload = offload_new(config->ops->name, WORKER_PARKED_MAX + WORKER_CLOSES_MAX);
	worker->wake = worker_wake_new();
	worker->conn = (struct worker_conn){.ops = config->ops, .wake = worker->wake};
	worker->hung = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, hung_free);
	g_mutex_init(&worker->notify);
	g_mutex_init(&worker->lock);
	g_cond_init(&worker->heard);
	return worker;
}

static void worker_unref(struct worker *worker)
{
	if (!g_atomic_int_dec_and_test(&worker->ref))
		return;
	vm_list_unref(worker->list);
	vm_stats_set_unref(worker->stats);
	g_hash_table_unref(worker->hung);
	offload_free(worker->offload);
	worker_wake_unref(worker->wake);
	g_mutex_clear(&worker->notify);
	g_mutex_clear(&worker->lock);
	g_cond_clear(&worker->heard);
	g_free(worker->message);
	g_free(worker->uri);
	g_free(worker);
}

static void back_off(struct worker *worker)
{
	worker->backoff_ms = CLAMP(worker->backoff_ms * 2, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	worker->retry_at = g_get_monotonic_time() + worker->backoff_ms * G_GINT64_CONSTANT(1000);
}

static void lost(struct worker *worker, const char *what, int r)
{
	worker_set_up(worker, false);
	worker_set_error(worker, what, r);
	if (r == -ENOTCONN)
		worker_disconnect(worker);
	if (!worker->conn.ctx)
		back_off(worker);
}

/* True: statistics hang, but others may have theirs now, over a new connection. */
static bool round_stats(struct worker *worker)
{
	int r = worker_ask_stats(worker);

	if (!r)
		return false;
	worker_set_error(worker, "statistics", r);
	if (r == -ENOTCONN)
		lost(worker, "statistics", r);
	return r == -ETIMEDOUT;
}

static bool round_once(struct worker *worker, bool full)
{
	int r = 0;

	if (!worker->conn.ctx)
		r = worker_connect(worker);
	if (r) {
		lost(worker, "open", r);
		return false;
	}
	r = worker_ask_list(worker);
	if (r) {
		lost(worker, "list", r);
		return false;
	}
	worker->backoff_ms = 0;
	worker_set_up(worker, true);
	return full && round_stats(worker);
}

/* Sleep until the next round is due; false: the worker shall end. */
static bool wait_for_round(struct worker *worker, bool *ret_full)
{
	struct worker_wake *wake = worker->wake;
	gint64 soonest = g_get_monotonic_time() + KICK_GAP_MS * 1000, due = worker->full_at;
	bool stop;

	if (!worker->conn.ctx)
		due = worker->retry_at;
	g_mutex_lock(&wake->lock);
	while (!wake->stop && !(wake->kicked && worker->conn.ctx) &&
	       g_cond_wait_until(&wake->cond, &wake->lock, due))
		;
	while (!wake->stop && wake->kicked &&
	       g_cond_wait_until(&wake->cond, &wake->lock, MIN(soonest, due)))
		;
	wake->kicked = false;
	stop = wake->stop;
	g_mutex_unlock(&wake->lock);
	*ret_full = g_get_monotonic_time() >= worker->full_at;
	return !stop;
}

static gpointer worker_main(gpointer data)
{
	struct worker *worker = data;
	bool full = true, again;

	do {
		if (full)
			worker->full_at = g_get_monotonic_time() +
					  worker->config.interval_ms * G_GINT64_CONSTANT(1000);
		do
			again = round_once(worker, full);
		while (again && offload_parked(worker->offload) < WORKER_PARKED_STATS_MAX);
		worker_raise(worker, &worker->answered);
	} while (wait_for_round(worker, &full));
	worker_disconnect(worker);
	worker_raise(worker, &worker->ended);
	worker_unref(worker);
	return NULL;
}

int worker_start(struct worker *worker, worker_changed_fn changed, void *arg)
{
	GThread *thread;

	worker->changed = changed;
	worker->changed_arg = arg;
	worker->ref++;
	worker->ended = false;
	thread = g_thread_try_new(worker->config.ops->name, worker_main, worker, NULL);
	if (!thread) {
		worker->ref--;
		worker->ended = true;
		return -EAGAIN;
	}
	g_thread_unref(thread);
	return 0;
}

void worker_kick(struct worker *worker)
{
	worker_wake_kick(worker->wake);
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	g_mutex_lock(&worker->notify);
	worker->changed = NULL;
	g_mutex_unlock(&worker->notify);
	g_mutex_lock(&worker->wake->lock);
	worker->wake->stop = true;
	g_cond_broadcast(&worker->wake->cond);
	g_mutex_unlock(&worker->wake->lock);
	/* A thread that waits for a hanging call ends by itself later. */
	worker_wait_flag(worker, &worker->ended, STOP_WAIT_MS);
	worker_unref(worker);
}
