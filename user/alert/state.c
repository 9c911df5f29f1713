// SPDX-License-Identifier: Apache-2.0
#include "alert/state.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include "alert/queue.h"

static const char *const migrations[] = {
	"CREATE TABLE alert (id TEXT PRIMARY KEY, rule TEXT NOT NULL, name TEXT NOT NULL,"
	" severity INTEGER NOT NULL, state INTEGER NOT NULL, since_ms INTEGER NOT NULL,"
	" fired_ms INTEGER NOT NULL, over_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL,"
	" sent_ms INTEGER NOT NULL, told INTEGER NOT NULL, n INTEGER NOT NULL, value REAL,"
	" threshold REAL, metric TEXT NOT NULL, labels TEXT NOT NULL, summary TEXT NOT NULL,"
	" quiet TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE alert_log (seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL,"
	" alert TEXT NOT NULL, rule TEXT NOT NULL, severity INTEGER NOT NULL,"
	" change INTEGER NOT NULL, vm TEXT, value REAL, summary TEXT NOT NULL,"
	" reason TEXT NOT NULL, quiet TEXT NOT NULL, told INTEGER NOT NULL);"
	"CREATE INDEX alert_log_at ON alert_log (at_ms);"
	"CREATE TABLE silence (id INTEGER PRIMARY KEY AUTOINCREMENT, since_ms INTEGER NOT NULL,"
	" until_ms INTEGER NOT NULL, rule TEXT, vm TEXT, comment TEXT);"
	"CREATE TABLE alert_meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
};

const struct store_component alert_component = {"alerts", migrations, G_N_ELEMENTS(migrations)};

const char *alert_change_name(enum alert_change change)
{
	static const char *const names[] = {"told",   "pending", "dropped",
					    "firing", "nodata",	 "resolved"};

	return names[change];
}

static void bind_text(sqlite3_stmt *to, int i, const char *text)
{
	sqlite3_bind_text(to, i, text, -1, SQLITE_TRANSIENT);
}

static void bind_number(sqlite3_stmt *to, int i, double value)
{
	if (isnan(value))
		sqlite3_bind_null(to, i);
	else
		sqlite3_bind_double(to, i, value);
}

static double number_at(sqlite3_stmt *row, int i)
{
	return sqlite3_column_type(row, i) == SQLITE_NULL ? NAN : sqlite3_column_double(row, i);
}

/* [["vm","a"],...]: the order is part of what a label set is. */
static char *labels_pack(const struct labels *labels)
{
	json_auto_t *array = json_array();

	for (size_t i = 0; i < labels->n; i++)
		json_array_append_new(array,
				      json_pack("[s,s]", labels->kv[i].key, labels->kv[i].value));
	return json_dumps(array, JSON_COMPACT);
}

static struct labels *labels_unpack(const char *text)
{
	json_auto_t *array = json_loads(text, 0, NULL);
	g_autoptr(GArray) tags = g_array_new(FALSE, FALSE, sizeof(struct kvmlens_tag));
	json_t *pair;
	size_t i;

	json_array_foreach(array, i, pair)
	{
		struct kvmlens_tag tag;

		if (json_unpack(pair, "[s,s]", &tag.key, &tag.value) == 0)
			g_array_append_val(tags, tag);
	}
	return labels_new(NULL, (struct kvmlens_tag *)(void *)tags->data, tags->len);
}

static int put_alert(sqlite3_stmt *put, const struct alert_event *event)
{
	const struct alert_record *r = &event->record;
	const struct notification *n = &event->notification;
	char *labels = labels_pack(r->labels);

	bind_text(put, 1, n->alert_id);
	bind_text(put, 2, r->rule_id);
	bind_text(put, 3, n->rule_name);
	sqlite3_bind_int(put, 4, n->severity);
	sqlite3_bind_int(put, 5, r->state);
	sqlite3_bind_int64(put, 6, r->since_ms);
	sqlite3_bind_int64(put, 7, r->fired_ms);
	sqlite3_bind_int64(put, 8, r->over_ms);
	sqlite3_bind_int64(put, 9, r->seen_ms);
	sqlite3_bind_int64(put, 10, r->sent_ms);
	sqlite3_bind_int(put, 11, r->told);
	sqlite3_bind_int64(put, 12, r->n);
	bind_number(put, 13, r->value);
	bind_number(put, 14, n->threshold);
	bind_text(put, 15, n->metric);
	bind_text(put, 16, labels ? labels : "[]");
	bind_text(put, 17, n->summary);
	bind_text(put, 18, event->quiet);
	free(labels);
	return store_db_run(put);
}

static int put_entry(sqlite3_stmt *put, const struct alert_event *event)
{
	const struct notification *n = &event->notification;

	sqlite3_bind_int64(put, 1, n->at_ms);
	bind_text(put, 2, n->alert_id);
	bind_text(put, 3, n->rule_id);
	sqlite3_bind_int(put, 4, n->severity);
	sqlite3_bind_int(put, 5, event->change);
	bind_text(put, 6, labels_get(event->record.labels, "vm"));
	bind_number(put, 7, n->value);
	bind_text(put, 8, n->summary);
	bind_text(put, 9, event->reason);
	bind_text(put, 10, event->quiet);
	sqlite3_bind_int(put, 11, event->notify || event->detoured);
	return store_db_run(put);
}

static int queue_event(sqlite3 *db, const struct alert_event *event)
{
	char *const *channel = event->channels;
	int r = 0;

	for (; r == 0 && channel && *channel; channel++)
		r = queue_insert(db, *channel, &event->notification);
	return r;
}

struct writer {
	sqlite3_stmt *put, *drop, *log;
};

static int write_event(sqlite3 *db, const struct writer *w, const struct alert_event *event)
{
	bool over = event->change == CHANGE_RESOLVED || event->change == CHANGE_DROPPED;
	bool noted = event->change >= CHANGE_FIRING || event->notify || event->detoured;
	int r;

	if (over) {
		bind_text(w->drop, 1, event->notification.alert_id);
		r = store_db_run(w->drop);
	} else {
		r = put_alert(w->put, event);
	}
	if (r == 0 && noted)
		r = put_entry(w->log, event);
	if (r == 0 && event->detoured)
		r = queue_supersede(db, &event->notification);
	if (r == 0 && event->notify)
		r = queue_event(db, event);
	return r;
}

static int write_meta(sqlite3 *db, int64_t now_ms)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) meta = store_db_prepare(
		db, "REPLACE INTO alert_meta (key, value) VALUES ('last_ms', ?)", &r);
	g_autoptr(sqlite3_stmt) prune = store_db_prepare(
		db, "DELETE FROM alert_log WHERE seq <= (SELECT max(seq) FROM alert_log) - ?", &r);

	if (!meta || !prune)
		return r;
	sqlite3_bind_int64(meta, 1, now_ms);
	sqlite3_bind_int64(prune, 1, STATE_LOG_MAX);
	r = store_db_run(meta);
	return r ? r : store_db_run(prune);
}

int state_write(sqlite3 *db, const GPtrArray *events, int64_t now_ms)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) put = store_db_prepare(
		db,
		"REPLACE INTO alert (id, rule, name, severity, state, since_ms, fired_ms, over_ms,"
		" seen_ms, sent_ms, told, n, value, threshold, metric, labels, summary, quiet)"
		" VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
		&r);
	g_autoptr(sqlite3_stmt) drop = store_db_prepare(db, "DELETE FROM alert WHERE id = ?", &r);
	g_autoptr(sqlite3_stmt) log = store_db_prepare(
		db,
		"INSERT INTO alert_log (at_ms, alert, rule, severity, change, vm, value, summary,"
		" reason, quiet, told) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
		&r);
	struct writer writer = {put, drop, log};

	for (guint i = 0; r == 0 && i < events->len; i++)
		r = write_event(db, &writer, g_ptr_array_index(events, i));
	return r ? r : write_meta(db, now_ms);
}

static const char *text_at(sqlite3_stmt *row, int i)
{
	const char *text = (const char *)sqlite3_column_text(row, i);

	return text ? text : "";
}

static bool read_alert(sqlite3_stmt *row, struct kept_alert *a)
{
	int severity = sqlite3_column_int(row, 3), state = sqlite3_column_int(row, 4);
	int told = sqlite3_column_int(row, 10);

	if (severity < ALERT_INFO || severity > ALERT_CRITICAL || state < STATE_INACTIVE ||
	    state > STATE_NODATA || told < ALERT_FIRING || told > ALERT_NODATA)
		return false;
	*a = (struct kept_alert){
		.record = {.id = g_ascii_strtoull(text_at(row, 0), NULL, 16),
			   .rule_id = (char *)text_at(row, 1),
			   .state = state,
			   .since_ms = sqlite3_column_int64(row, 5),
			   .fired_ms = sqlite3_column_int64(row, 6),
			   .over_ms = sqlite3_column_int64(row, 7),
			   .seen_ms = sqlite3_column_int64(row, 8),
			   .sent_ms = sqlite3_column_int64(row, 9),
			   .told = told,
			   .n = (uint32_t)sqlite3_column_int64(row, 11),
			   .value = number_at(row, 12)},
		.rule_name = text_at(row, 2),
		.severity = severity,
		.threshold = number_at(row, 13),
		.metric = text_at(row, 14),
		.summary = text_at(row, 16),
		.quiet = text_at(row, 17),
	};
	return true;
}

int state_each_alert(sqlite3 *db, state_alert_fn fn, void *arg)
{
	int r = 0, code = SQLITE_DONE;
	g_autoptr(sqlite3_stmt) rows = store_db_prepare(
		db,
		"SELECT id, rule, name, severity, state, since_ms, fired_ms, over_ms, seen_ms,"
		" sent_ms, told, n, value, threshold, metric, labels, summary, quiet FROM alert"
		" ORDER BY state = 1, severity DESC, since_ms, id",
		&r);

	while (rows && r == 0 && (code = sqlite3_step(rows)) == SQLITE_ROW) {
		struct kept_alert alert;

		if (!read_alert(rows, &alert))
			continue;
		alert.record.labels = labels_unpack(text_at(rows, 15));
		r = fn(arg, &alert);
		labels_unref(alert.record.labels);
	}
	return r ? r : store_db_errno(code);
}

int64_t state_last_ms(sqlite3 *db)
{
	return store_db_number(db, "SELECT value FROM alert_meta WHERE key = 'last_ms'", 0);
}

int state_each_entry(sqlite3 *db, int64_t since_ms, int64_t until_ms, state_entry_fn fn, void *arg)
{
	int r = 0, code = SQLITE_DONE;
	g_autoptr(sqlite3_stmt) rows = store_db_prepare(
		db,
		"SELECT at_ms, change, severity, alert, rule, vm, summary, reason, quiet, told,"
		" value FROM alert_log WHERE at_ms BETWEEN ? AND ? ORDER BY seq",
		&r);

	if (!rows)
		return r;
	sqlite3_bind_int64(rows, 1, since_ms);
	sqlite3_bind_int64(rows, 2, until_ms);
	while (r == 0 && (code = sqlite3_step(rows)) == SQLITE_ROW) {
		int change = sqlite3_column_int(rows, 1), severity = sqlite3_column_int(rows, 2);
		struct kept_entry entry = {
			.at_ms = sqlite3_column_int64(rows, 0),
			.change = CLAMP(change, CHANGE_KEPT, CHANGE_RESOLVED),
			.severity = CLAMP(severity, ALERT_INFO, ALERT_CRITICAL),
			.alert_id = text_at(rows, 3),
			.rule_id = text_at(rows, 4),
			.vm = text_at(rows, 5),
			.summary = text_at(rows, 6),
			.reason = text_at(rows, 7),
			.quiet = text_at(rows, 8),
			.told = sqlite3_column_int(rows, 9),
			.value = number_at(rows, 10),
		};

		r = fn(arg, &entry);
	}
	return r ? r : store_db_errno(code);
}

int state_silences(sqlite3 *db, int64_t now_ms, struct silences **ret_silences)
{
	int r = 0, code;
	g_autoptr(sqlite3_stmt) rows = store_db_prepare(
		db,
		"SELECT id, since_ms, until_ms, rule, vm, comment FROM silence WHERE until_ms > ?"
		" ORDER BY id LIMIT ?",
		&r);
	struct silences *silences;

	if (!rows)
		return r;
	silences = silences_new();
	sqlite3_bind_int64(rows, 1, now_ms);
	sqlite3_bind_int(rows, 2, SILENCES_MAX);
	while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
		const struct silence silence = {
			.id = sqlite3_column_int64(rows, 0),
			.since_ms = sqlite3_column_int64(rows, 1),
			.until_ms = sqlite3_column_int64(rows, 2),
			.rule = (char *)sqlite3_column_text(rows, 3),
			.vm = (char *)sqlite3_column_text(rows, 4),
			.comment = (char *)sqlite3_column_text(rows, 5),
		};

		silences_add(silences, &silence);
	}
	*ret_silences = silences;
	return store_db_errno(code);
}

#define SILENCE_KEPT_MS INT64_C(604800000) /* after its end: a week */

int state_open_beside(const char *path, sqlite3 **ret_db)
{
	g_autoptr(sqlite3) db = NULL;
	int r;

	r = store_db_open_beside(path, &db);
	if (r)
		return r;
	if (!store_db_number(db, "SELECT count(*) FROM sqlite_master WHERE name = 'silence'", 0))
		return -ENOENT;
	*ret_db = g_steal_pointer(&db);
	return 0;
}

/* Those that ended long ago, so that a script that silences every night fills nothing. */
static int drop_ended(sqlite3 *db, int64_t now_ms)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) drop =
		store_db_prepare(db, "DELETE FROM silence WHERE until_ms < ?", &r);

	if (!drop)
		return r;
	sqlite3_bind_int64(drop, 1, now_ms - SILENCE_KEPT_MS);
	return store_db_run(drop);
}

int state_silence_add(sqlite3 *db, const struct silence *silence, int64_t *ret_id)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) put = store_db_prepare(
		db,
		"INSERT INTO silence (since_ms, until_ms, rule, vm, comment) SELECT ?, ?, ?, ?, ?"
		" WHERE (SELECT count(*) FROM silence WHERE until_ms > ?) < ?",
		&r);

	if (!put)
		return r;
	r = drop_ended(db, silence->since_ms);
	if (r)
		return r;
	sqlite3_bind_int64(put, 1, silence->since_ms);
	sqlite3_bind_int64(put, 2, silence->until_ms);
	bind_text(put, 3, silence->rule);
	bind_text(put, 4, silence->vm);
	bind_text(put, 5, silence->comment);
	sqlite3_bind_int64(put, 6, silence->since_ms);
	sqlite3_bind_int(put, 7, SILENCES_MAX);
	r = store_db_run(put);
	if (r == 0 && sqlite3_changes(db) == 0)
		return -ENOSPC;
	*ret_id = sqlite3_last_insert_rowid(db);
	return r;
}

int state_silence_end(sqlite3 *db, int64_t id, int64_t now_ms)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) put = store_db_prepare(
		db, "UPDATE silence SET until_ms = ?1 WHERE id = ?2 AND until_ms > ?1", &r);

	if (!put)
		return r;
	sqlite3_bind_int64(put, 1, now_ms);
	sqlite3_bind_int64(put, 2, id);
	r = store_db_run(put);
	return r == 0 && sqlite3_changes(db) == 0 ? -ENOENT : r;
}
