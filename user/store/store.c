/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "metric/model.h"
#include "store/history.h"

/* A file that could not be opened is retried with the first item after this. */
#define RETRY_S 10
/* How long a lock of somebody else is waited for. */
#define BUSY_US (5 * G_USEC_PER_SEC)
/* The time for other work after each item, if the next one waits already. */
#define WORK_US 20000
/* Pages in the log: from here on they are moved into the file; the writer does it itself from... */
#define LOG_PAGES 1000
#define LOG_PAGES_MANY 16000

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
	bool stop, busy, ended;
	gint64 hurry_us; /* monotonic; 0: no hurry */
	struct store_stats stats;
	/* The thread's own. */
	sqlite3 *db;
	struct history *history;
	struct retention_run *retaining; /* NULL: nothing is to be removed */
	struct retention_result removed; /* by it, so far */
	struct store_db_identity identity;
	gint64 retry_us, retained_window, busy_since_us;
	int log_pages; /* of the last commit */
	unsigned healing; /* attempts left to get an index at the path */
	struct checkpointer *checkpointer;
};

/*
 * Moves pages from the log to the file while the writer goes on: syncing may take long, and a tick
 * that waits is lost when the agent is killed.
 */
struct checkpointer {
	GThread *thread;
	GMutex lock;
	GCond wake;
	bool due, stop;
	sqlite3 *db;
};

static gpointer checkpoint_all(gpointer arg)
{
	struct checkpointer *c = arg;

	g_mutex_lock(&c->lock);
	while (!c->stop) {
		if (!c->due) {
			g_cond_wait(&c->wake, &c->lock);
			continue;
		}
		c->due = false;
		g_mutex_unlock(&c->lock);
		/* A failure shows to the writer, and the next attempt may succeed: ignoring. */
		sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		g_mutex_lock(&c->lock);
	}
	g_mutex_unlock(&c->lock);
	return NULL;
}

/* NULL: it cannot be; the writer does it all. */
static struct checkpointer *checkpointer_new(const char *path)
{
	struct checkpointer *c = g_new0(struct checkpointer, 1);

	g_mutex_init(&c->lock);
	g_cond_init(&c->wake);
	if (store_db_open_beside(path, &c->db) == 0)
		c->thread = g_thread_try_new("kvmlens-log", checkpoint_all, c, NULL);
	if (c->thread)
		return c;
	store_db_close(c->db);
	g_free(c);
	return NULL;
}

static void checkpointer_free(struct checkpointer *c)
{
	if (!c)
		return;
	g_mutex_lock(&c->lock);
	c->stop = true;
	g_cond_signal(&c->wake);
	g_mutex_unlock(&c->lock);
	g_thread_join(c->thread);
	store_db_close(c->db);
	g_mutex_clear(&c->lock);
	g_cond_clear(&c->wake);
	g_free(c);
}

static int note_log(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store *store = arg;

	(void)db;
	(void)name;
	store->log_pages = pages;
	return SQLITE_OK;
}

static void checkpoint(struct store *store)
{
	struct checkpointer *c = store->checkpointer;

	if (store->log_pages < LOG_PAGES)
		return;
	if (!c || store->log_pages >= LOG_PAGES_MANY) {
		sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
		store->log_pages = 0;
		return;
	}
	g_mutex_lock(&c->lock);
	c->due = true;
	g_cond_signal(&c->wake);
	g_mutex_unlock(&c->lock);
}

static gint64 hurry_us(struct store *store)
{
	gint64 us;

	g_mutex_lock(&store->lock);
	us = store->hurry_us;
	g_mutex_unlock(&store->lock);
	return us;
}

/* SQLite's busy handler. */
static int wait_for_lock(void *arg, int tries)
{
	struct store *store = arg;
	gint64 now = g_get_monotonic_time(), hurry = hurry_us(store);

	if (tries == 0)
		store->busy_since_us = now;
	if (now - store->busy_since_us >= BUSY_US || (hurry && now >= hurry))
		return 0;
	g_usleep(10000);
	return 1;
}

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

static void close_file(struct store *store)
{
	g_clear_pointer(&store->checkpointer, checkpointer_free);
	g_clear_pointer(&store->retaining, retention_end);
	g_clear_pointer(&store->db, store_db_close);
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
	r = store_db_open(store->path, store->components, store->n_components, wait_for_lock, store,
			  &store->db, &note);
	note_text(store, note);
	if (r) {
		store->retry_us = g_get_monotonic_time() + RETRY_S * G_USEC_PER_SEC;
		note_failure(store, r);
		note_open(store, false);
		return r;
	}
	history_forget(store->history);
	store->log_pages = 0;
	sqlite3_wal_hook(store->db, note_log, store);
	store->checkpointer = checkpointer_new(store->path);
	store_db_identity(store->path, &store->identity);
	/* Another connection of this process still holds on to the index that was removed. */
	if (store->healing && store->healing-- && !store->identity.index.inode) {
		store_db_leave(store->db);
		close_file(store);
		note_failure(store, -ESTALE);
		return -ESTALE;
	}
	store->healing = 0;
	return 0;
}

/* Everything into the one file, also where another process still reads it. */
static void close_clean(struct store *store)
{
	if (!store->db)
		return;
	g_clear_pointer(&store->checkpointer, checkpointer_free);
	if (sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL))
		sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	close_file(store);
}

static const char *const changes[] = {
	[STORE_DB_REMOVED] = "was removed under the running agent; it was written there again",
	[STORE_DB_REPLACED] =
		"was replaced under the running agent; the new file is used from now on",
	[STORE_DB_LOG_REMOVED] = "lost its log under the running agent; what that held was kept",
	[STORE_DB_LOG_REPLACED] =
		"was written by another process without a lock; what the log held is lost",
};

static void note_replaced(struct store *store, enum store_db_change change, int error)
{
	g_mutex_lock(&store->lock);
	store->stats.replaced++;
	g_snprintf(store->stats.note, sizeof(store->stats.note), "%s %s%s%s", store->path,
		   changes[change], error ? ", or not: " : "", error ? g_strerror(-error) : "");
	g_mutex_unlock(&store->lock);
}

#define HEAL_ATTEMPTS 5

/* A log of ours beside a file that is not: SQLite would take its pages for the other file's. */
static void remove_stale(struct store *store)
{
	struct store_db_identity now;
	g_autofree char *log = g_strconcat(store->path, "-wal", NULL);
	g_autofree char *index = g_strconcat(store->path, "-shm", NULL);

	store_db_identity(store->path, &now);
	if (now.base.inode == store->identity.base.inode)
		return;
	if (now.log.inode == store->identity.log.inode)
		unlink(log);
	if (now.index.inode == store->identity.index.inode)
		unlink(index);
}

/*
 * The files at the path are no longer those that are open: what is written would be lost when the
 * agent ends. What is open still has it all, so that it can be put back.
 */
static void heal(struct store *store, enum store_db_change change)
{
	int r = 0;

	remove_stale(store);
	if (change == STORE_DB_REMOVED)
		r = store_db_copy(store->db, store->path);
	else if (change == STORE_DB_LOG_REMOVED)
		r = store_db_errno(sqlite3_wal_checkpoint_v2(
			store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
	/* Its log is nobody's any more: neither to be moved to another's file nor removed. */
	store_db_leave(store->db);
	close_file(store);
	store->healing = HEAL_ATTEMPTS;
	note_replaced(store, change, r);
}

static void check_files(struct store *store)
{
	struct store_db_identity now;
	enum store_db_change change;

	if (!store->db)
		return;
	store_db_identity(store->path, &now);
	/* The log is made with the first write. */
	if (!store->identity.log.inode)
		store->identity = now;
	change = store_db_compare(&store->identity, &now);
	if (change != STORE_DB_SAME)
		heal(store, change);
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

static void note_removed(struct store *store)
{
	const struct retention_result *removed = &store->removed;
	g_autoptr(GString) text = g_string_new(NULL);

	if (removed->gone_vms)
		g_string_append_printf(text,
				       "%" G_GUINT64_FORMAT " VMs that are gone left it with all of"
				       " their history",
				       removed->gone_vms);
	if (removed->squeezed) {
		g_autoptr(GDateTime) until =
			g_date_time_new_from_unix_local(removed->squeezed_ms / 1000);
		g_autofree char *when = until ? g_date_time_format(until, "%F %T") : NULL;

		g_string_append_printf(text, "%s%s, which has most, lost its values before %s",
				       text->len ? "; " : "", removed->largest, when ?: "?");
	}
	g_mutex_lock(&store->lock);
	store->stats.aged += removed->aged;
	store->stats.gone_vms += removed->gone_vms;
	store->stats.gone_rows += removed->gone_rows;
	store->stats.squeezed += removed->squeezed;
	store->stats.others = removed->others;
	if (text->len)
		g_strlcpy(store->stats.dropped, text->str, sizeof(store->stats.dropped));
	g_mutex_unlock(&store->lock);
}

/* Once a window. */
static void begin_to_retain(struct store *store, gint64 now_s)
{
	if (now_s / HISTORY_WINDOW_S == store->retained_window || store->retaining)
		return;
	store->retained_window = now_s / HISTORY_WINDOW_S;
	store->removed = (struct retention_result){0};
	store->retaining = retention_begin(&store->retention, now_s);
}

/* One short piece of what is done beside the ticks. Returns 1: there is more. */
static int work(struct store *store)
{
	int r;

	if (!store->db)
		return 0;
	r = history_work(store->history, store->db);
	if (r == 0 && store->retaining) {
		r = retention_step(store->retaining, store->db, &store->removed);
		if (r != 1) {
			g_clear_pointer(&store->retaining, retention_end);
			note_removed(store);
		}
	}
	if (r < 0)
		recover(store, r);
	else if (store->db)
		checkpoint(store);
	return r == 1;
}

static void run_tick(struct store *store, const struct kvmlens_snapshot *snapshot)
{
	int r;

	check_files(store);
	r = ensure_open(store);
	if (r == 0) {
		r = history_tick(store->history, store->db, snapshot);
		if (r)
			recover(store, r);
		else
			checkpoint(store);
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
		begin_to_retain(store, snapshot->wall_ms / 1000);
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

/* The next item; NULL: the end. Called with the lock held, which it lets go of to work. */
static struct item *wait_for_item(struct store *store)
{
	bool more = true;
	struct item *item;

	while (g_queue_is_empty(&store->items) && !store->stop) {
		if (more) {
			store->busy = true;
			g_mutex_unlock(&store->lock);
			more = work(store);
			g_mutex_lock(&store->lock);
			store->busy = false;
			continue;
		}
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

static bool is_over(struct store *store)
{
	gint64 hurry = hurry_us(store);

	return hurry && g_get_monotonic_time() >= hurry;
}

/* Nothing more is written: the item is dropped, and those who wait for it are notified. */
static void drop_item(struct store *store, const struct item *item)
{
	g_mutex_lock(&store->lock);
	store->stats.ticks_dropped += item->snapshot != NULL;
	store->stats.jobs_failed += item->snapshot == NULL;
	g_mutex_unlock(&store->lock);
	if (item->done)
		item->done(item->arg, -ETIMEDOUT);
}

static void run_item(struct store *store, const struct item *item)
{
	gint64 until;

	if (is_over(store))
		drop_item(store, item);
	else if (item->snapshot)
		run_tick(store, item->snapshot);
	else
		run_job(store, item);
	until = g_get_monotonic_time() + WORK_US;
	/* Where items never cease to come there would be no time for it else. */
	while (!is_over(store) && g_get_monotonic_time() < until && work(store))
		;
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
		run_item(store, item);
		item_free(item);
		g_mutex_lock(&store->lock);
		store->busy = false;
		store->stats.writer_ns = thread_cpu_ns();
		store->stats.bytes = store->db ? retention_size(store->db) : 0;
	}
	g_mutex_unlock(&store->lock);
	close_clean(store);
	g_mutex_lock(&store->lock);
	store->ended = true;
	g_cond_broadcast(&store->idle);
	g_mutex_unlock(&store->lock);
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

void store_hurry(struct store *store, unsigned ms)
{
	if (!store)
		return;
	g_mutex_lock(&store->lock);
	if (!store->hurry_us)
		store->hurry_us = g_get_monotonic_time() + ms * G_GINT64_CONSTANT(1000);
	g_mutex_unlock(&store->lock);
}

/* Wait with the lock held; false: there is a hurry, and its time is over. */
static bool wait_idle(struct store *store, gint64 more_us)
{
	if (!store->hurry_us)
		g_cond_wait(&store->idle, &store->lock);
	else
		return g_cond_wait_until(&store->idle, &store->lock, store->hurry_us + more_us);
	return true;
}

/* What is being done when the time is over may take this long to end. */
#define END_US (G_USEC_PER_SEC / 2)

int store_free(struct store *store)
{
	bool ended;

	if (!store)
		return 0;
	g_mutex_lock(&store->lock);
	store->stop = true;
	g_cond_broadcast(&store->wake);
	while (!store->ended && wait_idle(store, END_US))
		;
	ended = store->ended;
	g_mutex_unlock(&store->lock);
	if (!ended)
		return -ETIMEDOUT;
	g_thread_join(store->thread);
	destroy(store);
	return 0;
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
	while ((!g_queue_is_empty(&store->items) || store->busy) && wait_idle(store, 0))
		;
	g_mutex_unlock(&store->lock);
}

void store_stats(struct store *store, struct store_stats *ret_stats)
{
	g_mutex_lock(&store->lock);
	*ret_stats = store->stats;
	ret_stats->waiting = store->ticks_waiting + store->jobs_waiting;
	g_mutex_unlock(&store->lock);
}
