// SPDX-License-Identifier: Apache-2.0
/* What a worker makes public: results, health, and the waiting for them. */
#include "vm/worker_internal.h"

#include <errno.h>

static const char *describe(const struct worker *worker, int error)
{
	if (worker->message)
		return worker->message;
	if (error == -ETIMEDOUT)
		return "no answer in time";
	return error == -EBUSY ? "earlier calls still hang" : g_strerror(-error);
}

void worker_set_error(struct worker *worker, const char *what, int error)
{
	char *line = worker->health.error;

	g_mutex_lock(&worker->lock);
	g_snprintf(line, sizeof(worker->health.error), "%s: %s", what, describe(worker, error));
	g_strdelimit(line, "\n\r\t", ' ');
	g_mutex_unlock(&worker->lock);
}

void worker_set_up(struct worker *worker, bool up)
{
	g_mutex_lock(&worker->lock);
	worker->health.up = up;
	if (up)
		worker->health.error[0] = '\0';
	g_mutex_unlock(&worker->lock);
}

void worker_raise(struct worker *worker, bool *flag)
{
	g_mutex_lock(&worker->lock);
	*flag = true;
	g_cond_broadcast(&worker->heard);
	g_mutex_unlock(&worker->lock);
}

void worker_count_overrun(struct worker *worker)
{
	g_mutex_lock(&worker->lock);
	worker->health.overruns++;
	g_mutex_unlock(&worker->lock);
}

void worker_count_reconnect(struct worker *worker)
{
	g_mutex_lock(&worker->lock);
	worker->health.reconnects++;
	g_mutex_unlock(&worker->lock);
}

static void notify_changed(struct worker *worker)
{
	g_mutex_lock(&worker->notify);
	if (worker->changed)
		worker->changed(worker->changed_arg);
	g_mutex_unlock(&worker->notify);
}

void worker_publish_list(struct worker *worker, struct vm_list *list)
{
	struct vm_list *before;
	bool changed;

	g_mutex_lock(&worker->lock);
	before = worker->list;
	worker->list = list;
	worker->health.vms = list->vms->len;
	worker->health.dropped = list->dropped;
	worker->health.list_ns = list->mono_ns;
	changed = !before || !vm_list_equal(before, list);
	g_mutex_unlock(&worker->lock);
	vm_list_unref(before);
	if (changed)
		notify_changed(worker);
}

void worker_publish_stats(struct worker *worker, struct vm_stats_set *set)
{
	struct vm_stats_set *before;

	g_mutex_lock(&worker->lock);
	before = worker->stats;
	worker->stats = set;
	worker->health.stats_ns = set->mono_ns;
	g_mutex_unlock(&worker->lock);
	vm_stats_set_unref(before);
}

bool worker_wait_flag(struct worker *worker, const bool *flag, unsigned timeout_ms)
{
	gint64 until = g_get_monotonic_time() + timeout_ms * G_GINT64_CONSTANT(1000);
	bool set;

	g_mutex_lock(&worker->lock);
	while (!*flag && g_cond_wait_until(&worker->heard, &worker->lock, until))
		;
	set = *flag;
	g_mutex_unlock(&worker->lock);
	return set;
}

bool worker_wait(struct worker *worker, unsigned timeout_ms)
{
	return worker_wait_flag(worker, &worker->answered, timeout_ms);
}

struct vm_list *worker_list(struct worker *worker)
{
	struct vm_list *list;

	g_mutex_lock(&worker->lock);
	list = worker->list ? vm_list_ref(worker->list) : NULL;
	g_mutex_unlock(&worker->lock);
	return list;
}

struct vm_stats_set *worker_stats(struct worker *worker)
{
	struct vm_stats_set *stats;

	g_mutex_lock(&worker->lock);
	stats = worker->stats ? vm_stats_set_ref(worker->stats) : NULL;
	g_mutex_unlock(&worker->lock);
	return stats;
}

void worker_health(struct worker *worker, struct worker_health *ret_health)
{
	g_mutex_lock(&worker->lock);
	*ret_health = worker->health;
	g_mutex_unlock(&worker->lock);
	ret_health->parked = offload_parked(worker->offload);
}

const char *worker_name(const struct worker *worker)
{
	return worker->config.ops->name;
}
