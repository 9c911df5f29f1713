// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <glib.h>
#include "core/sink.h"

struct sink {
	kvmlens_sink_fn fn;
	void *arg;
	GThread *thread;
	GMutex lock;
	GCond cond;
	const struct kvmlens_snapshot *next; /* a reference */
	uint64_t missed;
	gboolean stop;
};

struct sink *sink_new(kvmlens_sink_fn fn, void *arg)
{
	struct sink *s = g_new0(struct sink, 1);

	s->fn = fn;
	s->arg = arg;
	g_mutex_init(&s->lock);
	g_cond_init(&s->cond);
	return s;
}

static const struct kvmlens_snapshot *take_next(struct sink *s)
{
	const struct kvmlens_snapshot *snapshot;

	g_mutex_lock(&s->lock);
	while (!s->next && !s->stop)
		g_cond_wait(&s->cond, &s->lock);
	snapshot = s->stop ? NULL : g_steal_pointer(&s->next);
	g_mutex_unlock(&s->lock);
	return snapshot;
}

static gpointer run(gpointer data)
{
	const struct kvmlens_snapshot *snapshot;
	struct sink *s = data;

	while ((snapshot = take_next(s))) {
		s->fn(s->arg, snapshot);
		kvmlens_snapshot_unref(snapshot);
	}
	return NULL;
}

int sink_start(struct sink *s)
{
	s->thread = g_thread_try_new("sink", run, s, NULL);
	return s->thread ? 0 : -EAGAIN;
}

void sink_offer(struct sink *s, const struct kvmlens_snapshot *snapshot)
{
	const struct kvmlens_snapshot *old;

	g_mutex_lock(&s->lock);
	old = s->next;
	s->missed += old != NULL;
	s->next = kvmlens_snapshot_ref(snapshot);
	g_cond_signal(&s->cond);
	g_mutex_unlock(&s->lock);
	if (old)
		kvmlens_snapshot_unref(old);
}

uint64_t sink_missed(struct sink *s)
{
	uint64_t missed;

	g_mutex_lock(&s->lock);
	missed = s->missed;
	g_mutex_unlock(&s->lock);
	return missed;
}

void sink_free(struct sink *s)
{
	if (!s)
		return;
	g_mutex_lock(&s->lock);
	s->stop = TRUE;
	g_cond_signal(&s->cond);
	g_mutex_unlock(&s->lock);
	if (s->thread)
		g_thread_join(s->thread);
	if (s->next)
		kvmlens_snapshot_unref(s->next);
	g_mutex_clear(&s->lock);
	g_cond_clear(&s->cond);
	g_free(s);
}
