// SPDX-License-Identifier: Apache-2.0
#include "alert/ledger.h"

#include "alert/queue.h"

/* A job that somebody waits for. */
struct waited {
	store_job_fn run;
	void *arg;
	GMutex lock;
	GCond cond;
	bool done;
	int result;
};

void ledger_init(struct ledger *ledger, struct store *store)
{
	*ledger = (struct ledger){.store = store};
	g_mutex_init(&ledger->lock);
}

void ledger_clear(struct ledger *ledger)
{
	g_clear_pointer(&ledger->memory, store_db_close);
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
}

static int run_in_store(struct ledger *ledger, store_job_fn run, void *arg)
{
	struct waited w = {.run = run, .arg = arg};
	int r;

	g_mutex_init(&w.lock);
	g_cond_init(&w.cond);
	r = store_submit(ledger->store, run_waited, wake, &w);
	g_mutex_lock(&w.lock);
	while (!r && !w.done)
		g_cond_wait(&w.cond, &w.lock);
	g_mutex_unlock(&w.lock);
	g_mutex_clear(&w.lock);
	g_cond_clear(&w.cond);
	return r ? r : w.result;
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

int ledger_run(struct ledger *ledger, store_job_fn run, void *arg)
{
	int r;

	if (ledger->store)
		return run_in_store(ledger, run, arg);
	g_mutex_lock(&ledger->lock);
	r = run_in_memory(ledger, run, arg);
	g_mutex_unlock(&ledger->lock);
	return r;
}
