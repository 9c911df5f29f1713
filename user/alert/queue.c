// SPDX-License-Identifier: Apache-2.0
#include "alert/queue.h"

#include <errno.h>
#include <string.h>

#define DAY_MS (24 * 3600 * 1000ll)
#define BODY_MAX (128 * 1024)

/*
 * notify_queue: a row an alert and channel; batch is the id of the first of its message, once
 * that is made. notify_firing: what is to be told again. notify_channel: limits and counters.
 */
static const char *const migrations[] = {
	"CREATE TABLE notify_queue (id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL,"
	" key TEXT NOT NULL, alert TEXT NOT NULL, grp TEXT NOT NULL, status TEXT NOT NULL,"
	" queued_ms INTEGER NOT NULL, batch INTEGER, body TEXT NOT NULL, UNIQUE (channel, key));"
	"CREATE INDEX notify_queue_alert ON notify_queue (channel, alert, id);"
	"CREATE INDEX notify_queue_batch ON notify_queue (channel, batch, id);"
	"CREATE TABLE notify_firing (channel TEXT NOT NULL, alert TEXT NOT NULL,"
	" body TEXT NOT NULL, PRIMARY KEY (channel, alert)) WITHOUT ROWID;"
	"CREATE TABLE notify_channel (channel TEXT PRIMARY KEY, max_waiting INTEGER NOT NULL,"
	" max_age_ms INTEGER NOT NULL, messages INTEGER NOT NULL DEFAULT 0,"
	" alerts INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,"
	" refused INTEGER NOT NULL DEFAULT 0)",
	/* Whatever waits for one channel, no look for another, and no message, goes through it. */
	"CREATE INDEX notify_queue_order ON notify_queue (channel, id);"
	"CREATE INDEX notify_queue_age ON notify_queue (channel, queued_ms);"
	"CREATE INDEX notify_queue_group ON notify_queue (channel, grp, status, id)",
};

const struct store_component queue_component = {"notify", migrations, G_N_ELEMENTS(migrations)};

/* Prepare with the channel as ?1 and, where the statement has one, a number as ?2. */
static sqlite3_stmt *prepare(sqlite3 *db, const char *sql, const char *channel, gint64 number,
			     int *ret_error)
{
	sqlite3_stmt *s = store_db_prepare(db, sql, ret_error);

	if (!s)
		return NULL;
	sqlite3_bind_text(s, 1, channel, -1, SQLITE_TRANSIENT);
	if (sqlite3_bind_parameter_count(s) >= 2)
		sqlite3_bind_int64(s, 2, number);
	return s;
}

static int run(sqlite3 *db, const char *sql, const char *channel, gint64 number)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) s = prepare(db, sql, channel, number, &r);

	return s ? store_db_run(s) : r;
}

/* The first column of the first row; none, or NULL: the fallback. */
static int number(sqlite3 *db, const char *sql, const char *channel, gint64 fallback,
		  gint64 *ret_value)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) s = prepare(db, sql, channel, 0, &r);

	if (!s)
		return r;
	r = sqlite3_step(s);
	*ret_value = r == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL
			     ? sqlite3_column_int64(s, 0)
			     : fallback;
	return store_db_errno(r);
}

/* Count what the last statement removed. */
static int count_changes(sqlite3 *db, const char *sql, const char *channel)
{
	int n = sqlite3_changes(db);

	return n > 0 ? run(db, sql, channel, n) : 0;
}

static const char count_dropped[] = "UPDATE notify_channel SET dropped = dropped + ?2"
				    " WHERE channel = ?1";

/* There is a row for each channel that ever had an alert, for its counters. */
static int know_channel(sqlite3 *db, const char *channel)
{
	return run(db,
		   "INSERT OR IGNORE INTO notify_channel (channel, max_waiting, max_age_ms)"
		   " VALUES (?1, " G_STRINGIFY(QUEUE_MAX_WAITING) ", ?2)",
		   channel, DAY_MS);
}

static int drop_surplus(sqlite3 *db, const char *channel)
{
	gint64 waiting = 0, max = 0;
	int r = number(db, "SELECT COUNT(*) FROM notify_queue WHERE channel = ?1", channel, 0,
		       &waiting);

	if (!r)
		r = number(db, "SELECT max_waiting FROM notify_channel WHERE channel = ?1", channel,
			   QUEUE_MAX_WAITING, &max);
	if (r || waiting <= max)
		return r;
	r = run(db,
		"DELETE FROM notify_queue WHERE id IN (SELECT id FROM notify_queue"
		" WHERE channel = ?1 AND batch IS NULL ORDER BY id LIMIT ?2)",
		channel, waiting - max);
	return r ? r : count_changes(db, count_dropped, channel);
}

static int append(sqlite3 *db, const char *channel, const struct notification *n, const char *body)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) s = store_db_prepare(
		db,
		"INSERT OR IGNORE INTO notify_queue (channel, key, alert, grp, status, queued_ms,"
		" body) VALUES (?, ?, ?, ?, ?, ?, ?)",
		&r);
	const char *const texts[] = {channel, n->key, n->alert_id, n->group_key,
				     alert_status_name(n->status)};

	if (!s)
		return r;
	for (int i = 0; i < (int)G_N_ELEMENTS(texts); i++)
		sqlite3_bind_text(s, i + 1, texts[i] ? texts[i] : "", -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 6, g_get_real_time() / 1000);
	sqlite3_bind_text(s, 7, body, -1, SQLITE_STATIC);
	return store_db_run(s);
}

/*
 * What is over is told again no more, whatever becomes of the message that says so: should that be
 * dropped or refused, the endpoint lets go of the alert by itself.
 */
int queue_forget_firing(sqlite3 *db, const char *channel, const struct notification *n)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) s = NULL;

	if (n->status != ALERT_RESOLVED)
		return 0;
	s = store_db_prepare(db, "DELETE FROM notify_firing WHERE channel = ? AND alert = ?", &r);
	if (!s)
		return r;
	sqlite3_bind_text(s, 1, channel, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, n->alert_id, -1, SQLITE_STATIC);
	return store_db_run(s);
}

int queue_supersede(sqlite3 *db, const struct notification *n)
{
	int r = run(db, "DELETE FROM notify_queue WHERE alert = ?1", n->alert_id, 0);

	if (!r && n->status == ALERT_RESOLVED)
		r = run(db, "DELETE FROM notify_firing WHERE alert = ?1", n->alert_id, 0);
	return r;
}

int queue_insert(sqlite3 *db, const char *channel, const struct notification *n)
{
	json_auto_t *json = notification_encode(n);
	char *body = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int r = body ? know_channel(db, channel) : -ENOMEM;

	if (!r)
		r = append(db, channel, n, body);
	if (!r)
		r = queue_forget_firing(db, channel, n);
	free(body);
	return r ? r : drop_surplus(db, channel);
}

int queue_configure(sqlite3 *db, const char *channel, const struct queue_limits *limits)
{
	int r = know_channel(db, channel);

	if (!r)
		r = run(db, "UPDATE notify_channel SET max_waiting = ?2 WHERE channel = ?1",
			channel, limits->max_waiting);
	if (!r)
		r = run(db, "UPDATE notify_channel SET max_age_ms = ?2 WHERE channel = ?1", channel,
			limits->max_age_ms);
	return r ? r : drop_surplus(db, channel);
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int forget(sqlite3 *db, const char *channel, gint64 now_ms)
{
	int r = run(db, "DELETE FROM notify_firing WHERE channel = ?1", channel, 0);

	if (!r)
		r = run(db, "DELETE FROM notify_queue WHERE channel = ?1 AND queued_ms < ?2",
			channel, now_ms - DAY_MS);
	return r ? r : count_changes(db, count_dropped, channel);
}

int queue_forget_others(sqlite3 *db, const char *const *channels, size_t n, gint64 now_ms)
{
	g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func(g_free);
	int r = 0;
	g_autoptr(sqlite3_stmt) s = store_db_prepare(db, "SELECT channel FROM notify_channel", &r);

	if (!s)
		return r;
	while ((r = sqlite3_step(s)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(s, 0);

		if (name && !is_one_of(name, channels, n))
			g_ptr_array_add(others, g_strdup(name));
	}
	r = store_db_errno(r);
	for (guint i = 0; r == 0 && i < others->len; i++)
		r = forget(db, g_ptr_array_index(others, i), now_ms);
	return r;
}

GArray *held_array_new(void)
{
	GArray *array = g_array_new(FALSE, TRUE, sizeof(struct held));

	g_array_set_clear_func(array, (GDestroyNotify)held_clear);
	return array;
}

void queue_batch_clear(struct queue_batch *batch)
{
	g_clear_pointer(&batch->held, g_array_unref);
}

/* Rows whose first column is a body; one that cannot be read is left out. */
static int read_bodies(sqlite3_stmt *s, GArray *held)
{
	int r;

	while ((r = sqlite3_step(s)) == SQLITE_ROW) {
		const char *body = (const char *)sqlite3_column_text(s, 0);
		size_t len = sqlite3_column_bytes(s, 0);
		json_auto_t *json = body && len <= BODY_MAX ? json_loadb(body, len, 0, NULL) : NULL;
		struct held one;

		if (json && notification_decode(json, &one) == 0)
			g_array_append_val(held, one);
	}
	return store_db_errno(r);
}

/* One message is dropped as a whole: what is left of it would have another key. */
static int drop_old(sqlite3 *db, const char *channel, gint64 now_ms)
{
	gint64 max_age = DAY_MS;
	int r = number(db, "SELECT max_age_ms FROM notify_channel WHERE channel = ?1", channel,
		       DAY_MS, &max_age);

	if (!r)
		r = run(db,
			"DELETE FROM notify_queue WHERE channel = ?1 AND queued_ms < ?2"
			" AND (batch IS NULL OR batch NOT IN (SELECT batch FROM notify_queue"
			" WHERE channel = ?1 AND batch IS NOT NULL AND queued_ms >= ?2))",
			channel, now_ms - max_age);
	return r ? r : count_changes(db, count_dropped, channel);
}

/* When the oldest may go; *ret_id 0: nothing waits. A clock that was set back delays nothing. */
static int oldest(sqlite3 *db, const char *channel, gint64 now_ms, gint64 wait_ms, gint64 *ret_id,
		  gint64 *ret_due_ms)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) s = prepare(
		db, "SELECT id, queued_ms FROM notify_queue WHERE channel = ?1 ORDER BY id LIMIT 1",
		channel, 0, &r);

	if (!s)
		return r;
	r = sqlite3_step(s);
	*ret_id = *ret_due_ms = 0;
	if (r == SQLITE_ROW) {
		gint64 queued_ms = sqlite3_column_int64(s, 1);

		*ret_id = sqlite3_column_int64(s, 0);
		*ret_due_ms = queued_ms > now_ms + wait_ms ? now_ms : queued_ms + wait_ms;
	}
	return store_db_errno(r);
}

/*
 * Those of one group and status, from the oldest row on. An alert of which something else is to be
 * told first waits for that.
 */
static int make_batch(sqlite3 *db, const char *channel, gint64 first, unsigned max)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) s = prepare(
		db,
		"UPDATE notify_queue SET batch = ?2 WHERE id IN (SELECT q.id FROM notify_queue q,"
		" notify_queue f WHERE f.id = ?2 AND q.channel = ?1 AND q.grp = f.grp"
		" AND q.status = f.status AND NOT EXISTS (SELECT 1 FROM notify_queue o"
		" WHERE o.channel = ?1 AND o.alert = q.alert AND o.id < q.id"
		" AND (o.grp <> f.grp OR o.status <> f.status)) ORDER BY q.id LIMIT ?3)",
		channel, first, &r);

	if (!s)
		return r;
	sqlite3_bind_int64(s, 3, MIN(max, QUEUE_BATCH_MAX));
	return store_db_run(s);
}

static int read_batch(sqlite3 *db, const char *channel, gint64 id, GArray *held)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) s = prepare(
		db, "SELECT body FROM notify_queue WHERE channel = ?1 AND batch = ?2 ORDER BY id",
		channel, id, &r);

	return s ? read_bodies(s, held) : r;
}

int queue_take(sqlite3 *db, const char *channel, gint64 now_ms, gint64 group_wait_ms, unsigned max,
	       struct queue_batch *ret_batch)
{
	gint64 id = 0, due_ms = 0;
	g_autoptr(GArray) held = held_array_new();
	int r = drop_old(db, channel, now_ms);

	if (!r)
		r = number(db, "SELECT MIN(batch) FROM notify_queue WHERE channel = ?1", channel, 0,
			   &id);
	if (!r && !id) {
		r = oldest(db, channel, now_ms, group_wait_ms, &id, &due_ms);
		if (!r && id && due_ms <= now_ms)
			r = make_batch(db, channel, id, max);
		else
			id = 0;
	}
	if (!r && id)
		r = read_batch(db, channel, id, held);
	if (r)
		return r;
	*ret_batch = (struct queue_batch){id, id ? 0 : due_ms, g_steal_pointer(&held)};
	return 0;
}

static int keep_firing(sqlite3 *db, const char *channel, gint64 batch)
{
	/* The newest of an alert is what counts, which REPLACE leaves, if it is not over by now. */
	int r = run(
		db,
		"REPLACE INTO notify_firing (channel, alert, body) SELECT channel, alert, body"
		" FROM notify_queue q WHERE channel = ?1 AND batch = ?2 AND status <> 'resolved'"
		" AND NOT EXISTS (SELECT 1 FROM notify_queue o WHERE o.channel = ?1"
		" AND o.alert = q.alert AND o.id > q.id AND o.status = 'resolved') ORDER BY id",
		channel, batch);

	if (r)
		return r;
	return run(db,
		   "DELETE FROM notify_firing WHERE channel = ?1 AND alert IN (SELECT alert FROM"
		   " notify_queue WHERE channel = ?1 AND batch = ?2 AND status = 'resolved')",
		   channel, batch);
}

int queue_finish(sqlite3 *db, const char *channel, gint64 batch, enum queue_fate fate)
{
	int r = fate == QUEUE_SENT_KEEP ? keep_firing(db, channel, batch) : 0;

	if (!r)
		r = run(db, "DELETE FROM notify_queue WHERE channel = ?1 AND batch = ?2", channel,
			batch);
	if (r)
		return r;
	if (fate == QUEUE_REFUSED)
		return count_changes(db,
				     "UPDATE notify_channel SET refused = refused + ?2"
				     " WHERE channel = ?1",
				     channel);
	return count_changes(db,
			     "UPDATE notify_channel SET messages = messages + 1,"
			     " alerts = alerts + ?2 WHERE channel = ?1",
			     channel);
}

int queue_firing(sqlite3 *db, const char *channel, const char *after, unsigned max,
		 GArray **ret_held)
{
	g_autoptr(GArray) held = held_array_new();
	int r = 0;
	g_autoptr(sqlite3_stmt) s = store_db_prepare(
		db,
		"SELECT body FROM notify_firing WHERE channel = ? AND alert > ? ORDER BY alert"
		" LIMIT ?",
		&r);

	if (!s)
		return r;
	sqlite3_bind_text(s, 1, channel, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, after, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, max);
	r = read_bodies(s, held);
	if (!r)
		*ret_held = g_steal_pointer(&held);
	return r;
}

int queue_stats(sqlite3 *db, const char *channel, struct queue_stats *ret_stats)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) s = prepare(
		db,
		"SELECT messages, alerts, dropped, refused, (SELECT COUNT(*) FROM notify_queue"
		" WHERE channel = ?1), (SELECT queued_ms FROM notify_queue WHERE channel = ?1"
		" ORDER BY id LIMIT 1) FROM notify_channel WHERE channel = ?1",
		channel, 0, &r);

	if (!s)
		return r;
	*ret_stats = (struct queue_stats){0};
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		ret_stats->messages = sqlite3_column_int64(s, 0);
		ret_stats->alerts = sqlite3_column_int64(s, 1);
		ret_stats->dropped = sqlite3_column_int64(s, 2);
		ret_stats->refused = sqlite3_column_int64(s, 3);
		ret_stats->waiting = sqlite3_column_int64(s, 4);
		ret_stats->oldest_ms = sqlite3_column_int64(s, 5);
	}
	return store_db_errno(r);
}

char *queue_key(const struct notification *const *alerts, size_t n)
{
	g_autoptr(GChecksum) sum = NULL;

	if (n == 1)
		return g_strdup(alerts[0]->key);
	sum = g_checksum_new(G_CHECKSUM_SHA256);
	for (size_t i = 0; i < n; i++)
		g_checksum_update(sum, (const guchar *)alerts[i]->key,
				  (gssize)strlen(alerts[i]->key) + 1);
	return g_strdup_printf("group-%.32s", g_checksum_get_string(sum));
}
