// SPDX-License-Identifier: Apache-2.0
#include "alert/ledger.h"

#include <errno.h>
#include "alert/queue.h"

/* A job that somebody waits for, or did. */
struct waited {
	gint ref;
	store_job_fn run;
	void *arg;
	GDestroyNotify free_arg;
	GMutex lock; /* of what follows */
	GCond cond;
	bool done, abandoned;
	int result;
};

static void waited_unref(struct waited *w)
{
	if (!w || !g_atomic_int_dec_and_test(&w->ref))
		return;
	if (w->abandoned)
		w->free_arg(w->arg);
	g_mutex_clear(&w->lock);
	g_cond_clear(&w->cond);
	g_free(w);
}

void ledger_init(struct ledger *ledger, struct store *store)
{
	*ledger = (struct ledger){.store = store};
	g_mutex_init(&ledger->lock);
}

void ledger_clear(struct ledger *ledger)
{
	g_clear_pointer(&ledger->memory, store_db_close);
	g_clear_pointer(&ledger->abandoned, waited_unref);
	g_mutex_clear(&ledger->lock);
}

bool ledger_unused(struct ledger *ledger)
{
	bool unused;

	g_mutex_lock(&ledger->lock);
	unused = !ledger->store && !ledger->memory;
	g_mutex_unlock(&ledger->lock);
	return unused;
}

static int run_waited(sqlite3 *db, void *arg)
{
	struct waited *w = arg;

	return w->run(db, w->arg);
}

static void wake(void *arg, int result)
{
	struct waited *w = arg;

	g_mutex_lock(&w->lock);
	w->result = result;
	w->done = true;
	g_cond_signal(&w->cond);
	g_mutex_unlock(&w->lock);
	waited_unref(w);
}

/* Does a job that nobody waits for any more still run? */
static bool is_stuck(struct ledger *ledger)
{
	bool stuck = false;

	g_mutex_lock(&ledger->lock);
	if (ledger->abandoned) {
		g_mutex_lock(&ledger->abandoned->lock);
		stuck = !ledger->abandoned->done;
		g_mutex_unlock(&ledger->abandoned->lock);
	}
	if (!stuck)
		g_clear_pointer(&ledger->abandoned, waited_unref);
	g_mutex_unlock(&ledger->lock);
	return stuck;
}

static void abandon(struct ledger *ledger, struct waited *w)
{
	g_mutex_lock(&ledger->lock);
	waited_unref(ledger->abandoned);
	ledger->abandoned = w;
	g_mutex_unlock(&ledger->lock);
}

static int run_in_store(struct ledger *ledger, store_job_fn run, void *arg, GDestroyNotify free_arg)
{
	gint64 end = g_get_monotonic_time() + LEDGER_WAIT_US;
	struct waited *w;
	int r;

	if (is_stuck(ledger))
		return -EAGAIN;
	w = g_new0(struct waited, 1);
	*w = (struct waited){.ref = 2, .run = run, .arg = arg, .free_arg = free_arg};
	g_mutex_init(&w->lock);
	g_cond_init(&w->cond);
	r = store_submit(ledger->store, run_waited, wake, w);
	if (r) {
		waited_unref(w);
		waited_unref(w);
		return r;
	}
	g_mutex_lock(&w->lock);
	while (!w->done && g_get_monotonic_time() < end)
		g_cond_wait_until(&w->cond, &w->lock, end);
	r = w->done ? w->result : -ETIMEDOUT;
	w->abandoned = !w->done;
	g_mutex_unlock(&w->lock);
	if (w->abandoned)
		abandon(ledger, w);
	else
		waited_unref(w);
	return r;
}

static int run_in_memory(struct ledger *ledger, store_job_fn run, void *arg)
{
	static const struct store_component *const components[] = {&queue_component};
	int r = 0;

	if (!ledger->memory)
		r = store_db_open_memory(components, G_N_ELEMENTS(components), &ledger->memory);
	if (!r)
		r = store_db_exec(ledger->memory, "BEGIN");
	if (r)
		return r;
	r = run(ledger->memory, arg);
	if (!r)
		r = store_db_exec(ledger->memory, "COMMIT");
	if (r)
		store_db_exec(ledger->memory, "ROLLBACK");
	return r;
}

int ledger_run(struct ledger *ledger, store_job_fn run, void *arg, GDestroyNotify free_arg)
{
	int r;

	if (ledger->store)
		return run_in_store(ledger, run, arg, free_arg);
	g_mutex_lock(&ledger->lock);
	r = run_in_memory(ledger, run, arg);
	g_mutex_unlock(&ledger->lock);
	return r;
}
