/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include "metric/model.h"
#include "store/history.h"

/* A file that could not be opened is tried again with the first item after this. */
#define RETRY_S 10

/* What waits: a snapshot or a job. */
struct item {
	const struct kvmlens_snapshot *snapshot;
	store_job_fn run;
	store_done_fn done;
	void *arg;
};

struct store {
	char *path;
	struct retention retention;
	const struct store_component **components; /* history's first */
	size_t n_components;
	GThread *thread;
	GMutex lock; /* everything from here on */
	GCond wake, idle;
	GQueue items; /* struct item */
	unsigned ticks_waiting, jobs_waiting;
	bool stop, busy;
	struct store_stats stats;
	/* The thread's own. */
	sqlite3 *db;
	struct history *history;
	gint64 retry_us, retained_window;
};

static void item_free(struct item *item)
{
	if (item->snapshot)
		kvmlens_snapshot_unref(item->snapshot);
	g_free(item);
}

static void note_failure(struct store *store, int error)
{
	g_mutex_lock(&store->lock);
	store->stats.failures++;
	store->stats.error = error;
	g_mutex_unlock(&store->lock);
}

static void note_text(struct store *store, char *note)
{
	if (!note)
		return;
	g_mutex_lock(&store->lock);
	store->stats.set_aside++;
	g_strlcpy(store->stats.note, note, sizeof(store->stats.note));
	g_mutex_unlock(&store->lock);
	g_free(note);
}

static void note_open(struct store *store, bool open)
{
	g_mutex_lock(&store->lock);
	store->stats.open = open;
	g_mutex_unlock(&store->lock);
}

/* Open the file, unless that failed a moment ago. */
static int ensure_open(struct store *store)
{
	char *note = NULL;
	int r;

	if (store->db)
		return 0;
	if (g_get_monotonic_time() < store->retry_us)
		return -EAGAIN;
	r = store_db_open(store->path, store->components, store->n_components, &store->db, &note);
	note_text(store, note);
	if (r) {
		store->retry_us = g_get_monotonic_time() + RETRY_S * G_USEC_PER_SEC;
		note_failure(store, r);
		note_open(store, false);
		return r;
	}
	history_forget(store->history);
	return 0;
}

static void close_file(struct store *store)
{
	g_clear_pointer(&store->db, store_db_close);
}

/* After a failure: a damaged file is replaced by a new one. */
static void recover(struct store *store, int error)
{
	char *note = NULL;

	note_failure(store, error);
	if (error == -EBADMSG) {
		close_file(store);
		if (store_db_set_aside(store->path, &note))
			store->retry_us = g_get_monotonic_time() + RETRY_S * G_USEC_PER_SEC;
		note_text(store, note);
	}
	note_open(store, false);
}

static void retain(struct store *store, gint64 now_s)
{
	struct retention_result result = {0, 0};
	int r;

	if (now_s / HISTORY_WINDOW_S == store->retained_window)
		return;
	store->retained_window = now_s / HISTORY_WINDOW_S;
	r = retention_run(store->db, &store->retention, now_s, &result);
	g_mutex_lock(&store->lock);
	store->stats.aged += result.aged;
	store->stats.squeezed += result.squeezed;
	g_mutex_unlock(&store->lock);
	if (r)
		recover(store, r);
}

static void run_tick(struct store *store, const struct kvmlens_snapshot *snapshot)
{
	int r = ensure_open(store);

	if (r == 0) {
		r = history_tick(store->history, store->db, snapshot);
		if (r)
			recover(store, r);
	}
	g_mutex_lock(&store->lock);
	if (r) {
		store->stats.ticks_dropped++;
	} else {
		store->stats.ticks++;
		store->stats.open = true;
		store->stats.series_refused = history_refused(store->history);
	}
	g_mutex_unlock(&store->lock);
	/* Also when writing failed for want of room: this is what makes some. */
	if (store->db && (r == 0 || r == -ENOSPC))
		retain(store, snapshot->wall_ms / 1000);
}

static int transaction(struct store *store, const struct item *item)
{
	int r = store_db_exec(store->db, "BEGIN IMMEDIATE");

	if (r)
		return r;
	r = item->run(store->db, item->arg);
	if (!r)
		r = store_db_exec(store->db, "COMMIT");
	if (r)
		store_db_exec(store->db, "ROLLBACK");
	return r;
}

static void run_job(struct store *store, const struct item *item)
{
	int r = ensure_open(store);

	if (r == 0) {
		r = transaction(store, item);
		if (r)
			recover(store, r);
	}
	g_mutex_lock(&store->lock);
	store->stats.jobs++;
	store->stats.jobs_failed += r != 0;
	g_mutex_unlock(&store->lock);
	if (item->done)
		item->done(item->arg, r);
}

static guint64 thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (guint64)t.tv_sec * 1000000000u + (guint64)t.tv_nsec;
}

/* The next item; NULL: the end. Called with the lock held. */
static struct item *wait_for_item(struct store *store)
{
	struct item *item;

	while (g_queue_is_empty(&store->items) && !store->stop) {
		g_cond_broadcast(&store->idle);
		g_cond_wait(&store->wake, &store->lock);
	}
	item = g_queue_pop_head(&store->items);
	if (item && item->snapshot)
		store->ticks_waiting--;
	else if (item)
		store->jobs_waiting--;
	return item;
}

static gpointer write_all(gpointer arg)
{
	struct store *store = arg;
	struct item *item;

	ensure_open(store);
	g_mutex_lock(&store->lock);
	while ((item = wait_for_item(store))) {
		store->busy = true;
		g_mutex_unlock(&store->lock);
		if (item->snapshot)
			run_tick(store, item->snapshot);
		else
			run_job(store, item);
		item_free(item);
		g_mutex_lock(&store->lock);
		store->busy = false;
		store->stats.writer_ns = thread_cpu_ns();
		store->stats.bytes = store->db ? retention_size(store->db) : 0;
	}
	g_cond_broadcast(&store->idle);
	g_mutex_unlock(&store->lock);
	close_file(store);
	return NULL;
}

static void set_components(struct store *store, const struct store_config *config)
{
	store->n_components = config->n_components + 1;
	store->components = g_new(const struct store_component *, store->n_components);
	store->components[0] = &history_component;
	for (size_t i = 0; i < config->n_components; i++)
		store->components[i + 1] = config->components[i];
}

static void set_retention(struct store *store, const struct retention *retention)
{
	store->retention = *retention;
	if (!store->retention.raw_s)
		store->retention.raw_s = STORE_RAW_S;
	if (!store->retention.rollup_s)
		store->retention.rollup_s = STORE_ROLLUP_S;
	if (!store->retention.max_bytes)
		store->retention.max_bytes = STORE_MAX_BYTES;
}

static void destroy(struct store *store)
{
	history_free(store->history);
	g_mutex_clear(&store->lock);
	g_cond_clear(&store->wake);
	g_cond_clear(&store->idle);
	g_free(store->components);
	g_free(store->path);
	g_free(store);
}

int store_new(const struct store_config *config, struct store **ret_store)
{
	struct store *store;

	if (!config->path || !*config->path)
		return -EINVAL;
	store = g_new0(struct store, 1);
	store->path = g_strdup(config->path);
	set_components(store, config);
	set_retention(store, &config->retention);
	store->history = history_new();
	g_queue_init(&store->items);
	g_mutex_init(&store->lock);
	g_cond_init(&store->wake);
	g_cond_init(&store->idle);
	store->thread = g_thread_try_new("kvmlens-store", write_all, store, NULL);
	if (!store->thread) {
		destroy(store);
		return -EAGAIN;
	}
	*ret_store = store;
	return 0;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	g_mutex_lock(&store->lock);
	store->stop = true;
	g_cond_broadcast(&store->wake);
	g_mutex_unlock(&store->lock);
	g_thread_join(store->thread);
	destroy(store);
}

/* Append with the lock held; the item's kind has room. */
static void append(struct store *store, const struct item *item)
{
	g_queue_push_tail(&store->items, g_memdup2(item, sizeof(*item)));
	g_cond_signal(&store->wake);
}

int store_offer(struct store *store, const struct kvmlens_snapshot *snapshot)
{
	struct item item = {.snapshot = snapshot};
	int r = 0;

	g_mutex_lock(&store->lock);
	if (store->ticks_waiting >= STORE_TICKS_MAX) {
		store->stats.ticks_dropped++;
		r = -EAGAIN;
	} else {
		kvmlens_snapshot_ref(snapshot);
		store->ticks_waiting++;
		append(store, &item);
	}
	g_mutex_unlock(&store->lock);
	return r;
}

int store_submit(struct store *store, store_job_fn run, store_done_fn done, void *arg)
{
	struct item item = {.run = run, .done = done, .arg = arg};
	int r = 0;

	g_mutex_lock(&store->lock);
	if (store->jobs_waiting >= STORE_JOBS_MAX) {
		store->stats.jobs_refused++;
		r = -EAGAIN;
	} else {
		store->jobs_waiting++;
		append(store, &item);
	}
	g_mutex_unlock(&store->lock);
	return r;
}

void store_flush(struct store *store)
{
	g_mutex_lock(&store->lock);
	while (!g_queue_is_empty(&store->items) || store->busy)
		g_cond_wait(&store->idle, &store->lock);
	g_mutex_unlock(&store->lock);
}

void store_stats(struct store *store, struct store_stats *ret_stats)
{
	g_mutex_lock(&store->lock);
	*ret_stats = store->stats;
	ret_stats->waiting = store->ticks_waiting + store->jobs_waiting;
	g_mutex_unlock(&store->lock);
}
