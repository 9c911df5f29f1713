// SPDX-License-Identifier: Apache-2.0
#include "util/sampler.h"

#include <errno.h>

#define STOP_WAIT_US G_USEC_PER_SEC
#define MARGIN_US 20000 /* a result is to be there this long before the tick */

struct sampler {
	gint ref; /* its owner's and its thread's */
	struct sampler_ops ops;
	void *arg;
	GMutex lock; /* guards what follows */
	GCond cond;
	gpointer result;
	gint64 due; /* monotonic, us: when to read next; 0: nobody has asked */
	gint64 took; /* what the slowest of the last readings took, us; fades */
	guint64 failures;
	gboolean stop, busy, ended, tried;
};

struct sampler *sampler_new(const struct sampler_ops *ops, void *arg)
{
	struct sampler *s = g_new0(struct sampler, 1);

	s->ref = 1;
	s->ops = *ops;
	s->arg = arg;
	s->ended = TRUE;
	g_mutex_init(&s->lock);
	g_cond_init(&s->cond);
	return s;
}

void sampler_unref_result(struct sampler *s, gpointer result)
{
	if (result)
		g_atomic_rc_box_release_full(result, s->ops.clear);
}

static void unref(struct sampler *s)
{
	if (!g_atomic_int_dec_and_test(&s->ref))
		return;
	sampler_unref_result(s, s->result);
	if (s->ops.free)
		s->ops.free(s->arg);
	g_mutex_clear(&s->lock);
	g_cond_clear(&s->cond);
	g_free(s);
}

/* Called and returns locked. */
static void read_once(struct sampler *s)
{
	gint64 begun = g_get_monotonic_time();
	gpointer result, old;

	s->busy = TRUE;
	s->due = 0;
	g_mutex_unlock(&s->lock);
	result = s->ops.run(s->arg);
	g_mutex_lock(&s->lock);
	s->busy = FALSE;
	s->tried = TRUE;
	s->took = MAX(g_get_monotonic_time() - begun, s->took - s->took / 8);
	s->failures += !result;
	g_cond_broadcast(&s->cond);
	if (!result)
		return;
	old = s->result;
	s->result = result;
	g_mutex_unlock(&s->lock);
	sampler_unref_result(s, old);
	g_mutex_lock(&s->lock);
}

static void wait_until_due(struct sampler *s)
{
	while (!s->stop && (!s->due || g_get_monotonic_time() < s->due)) {
		if (s->due)
			g_cond_wait_until(&s->cond, &s->lock, s->due);
		else
			g_cond_wait(&s->cond, &s->lock);
	}
}

static gpointer run(gpointer data)
{
	struct sampler *s = data;

	g_mutex_lock(&s->lock);
	while (!s->stop) {
		read_once(s);
		wait_until_due(s);
	}
	s->ended = TRUE;
	g_cond_broadcast(&s->cond);
	g_mutex_unlock(&s->lock);
	unref(s);
	return NULL;
}

int sampler_start(struct sampler *s)
{
	GThread *thread;

	g_atomic_int_inc(&s->ref);
	s->ended = FALSE;
	thread = g_thread_try_new(s->ops.name, run, s, NULL);
	if (!thread) {
		s->ended = TRUE;
		unref(s);
		return -EAGAIN;
	}
	g_thread_unref(thread);
	return 0;
}

void sampler_kick(struct sampler *s, unsigned ms)
{
	gint64 now = g_get_monotonic_time(), span = (gint64)ms * 1000, lead;

	g_mutex_lock(&s->lock);
	s->failures += s->busy && s->tried;
	lead = MIN(2 * s->took + MARGIN_US, span / 2);
	s->due = now + span - lead;
	g_cond_broadcast(&s->cond);
	g_mutex_unlock(&s->lock);
}

void sampler_wait(struct sampler *s, unsigned ms)
{
	gint64 until = g_get_monotonic_time() + (gint64)ms * 1000;

	g_mutex_lock(&s->lock);
	while (!s->tried && g_cond_wait_until(&s->cond, &s->lock, until))
		;
	g_mutex_unlock(&s->lock);
}

gpointer sampler_result(struct sampler *s)
{
	gpointer result;

	g_mutex_lock(&s->lock);
	result = s->result ? g_atomic_rc_box_acquire(s->result) : NULL;
	g_mutex_unlock(&s->lock);
	return result;
}

guint64 sampler_failures(struct sampler *s)
{
	guint64 failures;

	g_mutex_lock(&s->lock);
	failures = s->failures;
	g_mutex_unlock(&s->lock);
	return failures;
}

gboolean sampler_free(struct sampler *s)
{
	gint64 until = g_get_monotonic_time() + STOP_WAIT_US;
	gboolean ended;

	if (!s)
		return TRUE;
	g_mutex_lock(&s->lock);
	s->stop = TRUE;
	g_cond_broadcast(&s->cond);
	while (!s->ended && g_cond_wait_until(&s->cond, &s->lock, until))
		;
	ended = s->ended;
	g_mutex_unlock(&s->lock);
	unref(s);
	return ended;
}
