// SPDX-License-Identifier: Apache-2.0
#include "util/offload.h"

#include <errno.h>

/* One thread. It outlives the offload that made it when a call hangs. */
struct helper {
	gint ref; /* the offload's while it is current, and the thread's own */
	GMutex lock;
	GCond wake; /* of the thread: a job, or abandoned */
	GCond ready; /* of the caller: the job is done */
	struct offload_job *job;
	bool abandoned;
	gint *parked; /* g_atomic_rc_box shared with the offload, which may go first */
};

struct offload {
	char *name;
	unsigned max_parked;
	struct helper *current; /* an idle thread, or NULL */
	gint *parked;
};

void offload_job_init(struct offload_job *job, void (*run)(struct offload_job *),
		      void (*free)(struct offload_job *))
{
	job->ref = 1;
	job->done = 0;
	job->run = run;
	job->free = free;
}

void offload_job_unref(struct offload_job *job)
{
	if (job && g_atomic_int_dec_and_test(&job->ref))
		job->free(job);
}

bool offload_job_done(const struct offload_job *job)
{
	return g_atomic_int_get(&job->done);
}

static void helper_unref(struct helper *helper)
{
	if (!g_atomic_int_dec_and_test(&helper->ref))
		return;
	g_mutex_clear(&helper->lock);
	g_cond_clear(&helper->wake);
	g_cond_clear(&helper->ready);
	g_atomic_rc_box_release(helper->parked);
	g_free(helper);
}

/* Under the lock, which is dropped while the call runs. Freeing the job may hang as well. */
static void helper_serve(struct helper *helper)
{
	struct offload_job *job = helper->job;
	bool abandoned;

	g_mutex_unlock(&helper->lock);
	job->run(job);
	g_mutex_lock(&helper->lock);
	helper->job = NULL;
	abandoned = helper->abandoned;
	g_atomic_int_set(&job->done, 1);
	g_cond_signal(&helper->ready);
	g_mutex_unlock(&helper->lock);
	offload_job_unref(job);
	g_mutex_lock(&helper->lock);
	if (abandoned)
		g_atomic_int_add(helper->parked, -1);
}

static gpointer helper_main(gpointer data)
{
	struct helper *helper = data;

	g_mutex_lock(&helper->lock);
	for (;;) {
		if (helper->job)
			helper_serve(helper);
		else if (helper->abandoned)
			break;
		else
			g_cond_wait(&helper->wake, &helper->lock);
	}
	g_mutex_unlock(&helper->lock);
	helper_unref(helper);
	return NULL;
}

static struct helper *helper_new(struct offload *offload)
{
	struct helper *helper = g_new0(struct helper, 1);
	GThread *thread;

	helper->ref = 2;
	g_mutex_init(&helper->lock);
	g_cond_init(&helper->wake);
	g_cond_init(&helper->ready);
	helper->parked = g_atomic_rc_box_acquire(offload->parked);
	thread = g_thread_try_new(offload->name, helper_main, helper, NULL);
	if (!thread) {
		helper->ref = 1;
		helper_unref(helper);
		return NULL;
	}
	/* Detached: nobody may wait for a thread that hangs. */
	g_thread_unref(thread);
	return helper;
}

/* Tell the thread to end once it is idle, and let go of it. */
static void helper_abandon(struct helper *helper)
{
	g_mutex_lock(&helper->lock);
	helper->abandoned = true;
	if (helper->job)
		g_atomic_int_inc(helper->parked);
	g_cond_signal(&helper->wake);
	g_mutex_unlock(&helper->lock);
	helper_unref(helper);
}

struct offload *offload_new(const char *name, unsigned max_parked)
{
	struct offload *offload = g_new0(struct offload, 1);

	offload->name = g_strdup(name);
	offload->max_parked = max_parked;
	offload->parked = g_atomic_rc_box_new0(gint);
	return offload;
}

static bool helper_wait(struct helper *helper, struct offload_job *job, gint64 until)
{
	bool done;

	g_mutex_lock(&helper->lock);
	helper->job = job;
	g_cond_signal(&helper->wake);
	while (helper->job && g_cond_wait_until(&helper->ready, &helper->lock, until))
		;
	done = !helper->job;
	g_mutex_unlock(&helper->lock);
	return done;
}

int offload_run(struct offload *offload, struct offload_job *job, unsigned deadline_ms)
{
	gint64 until = g_get_monotonic_time() + (gint64)deadline_ms * 1000;

	if (offload_parked(offload) >= offload->max_parked)
		return -EBUSY;
	if (!offload->current)
		offload->current = helper_new(offload);
	if (!offload->current)
		return -EAGAIN;
	g_atomic_int_set(&job->done, 0);
	g_atomic_int_inc(&job->ref);
	if (helper_wait(offload->current, job, until))
		return 0;
	helper_abandon(offload->current);
	offload->current = NULL;
	/* It may have ended between the deadline and now. */
	return offload_job_done(job) ? 0 : -ETIMEDOUT;
}

unsigned offload_parked(struct offload *offload)
{
	return g_atomic_int_get(offload->parked);
}

void offload_free(struct offload *offload)
{
	if (!offload)
		return;
	if (offload->current)
		helper_abandon(offload->current);
	g_atomic_rc_box_release(offload->parked);
	g_free(offload->name);
	g_free(offload);
}
