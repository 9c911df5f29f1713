/* SPDX-License-Identifier: Apache-2.0 */
#include "store/history.h"

#include <errno.h>
#include <string.h>
#include "metric/metric.h"
#include "store/codec.h"
#include "store/columns.h"
#include "store/compact.h"

static const char *const migrations[] = {
	/* vm '' is the host. A series' values times scale are in its metric's unit. */
	"CREATE TABLE vm (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
	" seen INTEGER NOT NULL);"
	"CREATE TABLE series (id INTEGER PRIMARY KEY, vm INTEGER NOT NULL REFERENCES vm ON DELETE"
	" CASCADE, metric TEXT NOT NULL, labels TEXT NOT NULL, scale REAL NOT NULL,"
	" UNIQUE (vm, metric, labels));"
	"CREATE TABLE layout (id INTEGER PRIMARY KEY, vm INTEGER NOT NULL REFERENCES vm ON DELETE"
	" CASCADE, columns INTEGER NOT NULL);"
	"CREATE INDEX layout_vm ON layout (vm);"
	"CREATE TABLE layout_series (layout INTEGER NOT NULL REFERENCES layout ON DELETE CASCADE,"
	" pos INTEGER NOT NULL, series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,"
	" PRIMARY KEY (layout, pos)) WITHOUT ROWID;"
	"CREATE INDEX layout_series_series ON layout_series (series);"
	"CREATE TABLE head (id INTEGER PRIMARY KEY, layout INTEGER NOT NULL, time_ms INTEGER NOT"
	" NULL, data BLOB NOT NULL);"
	"CREATE TABLE block (id INTEGER PRIMARY KEY, layout INTEGER NOT NULL, grp INTEGER NOT NULL,"
	" first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, rows INTEGER NOT NULL,"
	" data BLOB NOT NULL);"
	"CREATE INDEX block_time ON block (layout, grp, last_ms);"
	"CREATE TABLE rollup (id INTEGER PRIMARY KEY, layout INTEGER NOT NULL, step_s INTEGER NOT"
	" NULL, first_s INTEGER NOT NULL, entries INTEGER NOT NULL, data BLOB NOT NULL);"
	"CREATE INDEX rollup_time ON rollup (layout, step_s, first_s);"
	"CREATE INDEX rollup_loose ON rollup (layout, first_s) WHERE step_s = 300 AND entries = 1;",
	/*
	 * Series and layouts of each VM become keys and shapes of all. A layout that is not whole
	 * could not be read before either. Rows with values stay as they are.
	 */
	"CREATE TABLE key (id INTEGER PRIMARY KEY, metric TEXT NOT NULL, labels TEXT NOT NULL,"
	" scale REAL NOT NULL, UNIQUE (metric, labels, scale));"
	"INSERT OR IGNORE INTO key (metric, labels, scale) SELECT metric, labels, scale FROM series;"
	"CREATE TABLE shape (id INTEGER PRIMARY KEY, keys TEXT NOT NULL UNIQUE);"
	"CREATE TEMP TABLE old (layout INTEGER PRIMARY KEY, keys TEXT);"
	"INSERT INTO old SELECT id, (SELECT group_concat(id, ',') FROM (SELECT key.id AS id FROM"
	" layout_series JOIN series ON series.id = layout_series.series JOIN key ON key.metric ="
	" series.metric AND key.labels = series.labels AND key.scale = series.scale WHERE"
	" layout_series.layout = layout.id ORDER BY pos)) FROM layout WHERE columns = (SELECT count(*)"
	" FROM layout_series WHERE layout_series.layout = layout.id);"
	"INSERT OR IGNORE INTO shape (keys) SELECT keys FROM old WHERE keys IS NOT NULL;"
	"ALTER TABLE layout ADD COLUMN shape INTEGER NOT NULL DEFAULT 0;"
	"UPDATE layout SET shape = coalesce((SELECT shape.id FROM old JOIN shape ON shape.keys ="
	" old.keys WHERE old.layout = layout.id), 0);"
	"DELETE FROM layout WHERE shape = 0;"
	"DROP TABLE old; DROP TABLE layout_series; DROP TABLE series;"
	"DROP INDEX layout_vm; CREATE INDEX layout_vm ON layout (vm, shape);",
};

const struct store_component history_component = {"history", migrations, G_N_ELEMENTS(migrations)};

struct history {
	GHashTable *vms; /* uuid to struct columns */
	struct codec *codec;
	guint64 tick;
	gint64 window; /* of the last tick; 0: none */
	guint64 window_tick[2]; /* the first tick of the window before, and of this one */
	struct compaction *compaction; /* what waits, NULL: nothing */
	guint64 refused; /* by VMs that have left */
	GPtrArray *current; /* struct columns of the snapshot's VMs, by index; the host's last */
};

static void columns_destroy(gpointer columns)
{
	columns_free(columns);
}

struct history *history_new(void)
{
	struct history *history = g_new0(struct history, 1);

	history->vms = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, columns_destroy);
	history->codec = codec_new();
	history->current = g_ptr_array_new();
	return history;
}

void history_free(struct history *history)
{
	if (!history)
		return;
	g_hash_table_unref(history->vms);
	g_ptr_array_unref(history->current);
	compaction_free(history->compaction);
	codec_free(history->codec);
	g_free(history);
}

void history_forget(struct history *history)
{
	GHashTableIter iter;
	gpointer columns;

	g_hash_table_iter_init(&iter, history->vms);
	while (g_hash_table_iter_next(&iter, NULL, &columns))
		columns_forget(columns);
	history->window = 0;
	g_clear_pointer(&history->compaction, compaction_free);
}

guint64 history_refused(const struct history *history)
{
	guint64 n = history->refused;
	GHashTableIter iter;
	gpointer columns;

	g_hash_table_iter_init(&iter, history->vms);
	while (g_hash_table_iter_next(&iter, NULL, &columns))
		n += ((struct columns *)columns)->refused;
	return n;
}

#define RESUME_S 86400 /* a VM that was away for longer starts a new list */

/*
 * The columns of a VM; a VM with another name starts a new list. That a former list cannot be read
 * costs a layout: ignoring.
 */
static struct columns *take(struct history *history, sqlite3 *db, gint64 wall_s, const char *uuid,
			    const char *name)
{
	struct columns *columns = g_hash_table_lookup(history->vms, uuid);

	if (columns && strcmp(columns->name, name)) {
		history->refused += columns->refused;
		g_hash_table_remove(history->vms, uuid);
		columns = NULL;
	}
	if (!columns) {
		columns = columns_new(uuid, name);
		g_hash_table_insert(history->vms, columns->uuid, columns);
		columns_resume(columns, db, wall_s - RESUME_S);
	}
	columns_begin(columns, history->tick);
	return columns;
}

static const char *label_or(const struct labels *labels, const char *key, const char *fallback)
{
	const char *value = labels ? labels_get(labels, key) : NULL;

	return value ? value : fallback;
}

static void begin(struct history *history, sqlite3 *db, const struct kvmlens_snapshot *snapshot)
{
	gint64 wall_s = snapshot->wall_ms / 1000;

	history->tick++;
	g_ptr_array_set_size(history->current, 0);
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);

		g_ptr_array_add(history->current,
				take(history, db, wall_s,
				     label_or(vm->labels, "uuid", vm->ident->uuid),
				     label_or(vm->labels, "vm", "?")));
	}
	g_ptr_array_add(history->current, take(history, db, wall_s, "", "host"));
}

struct filling {
	struct history *history;
	const struct kvmlens_snapshot *snapshot;
};

static int fill(void *arg, const struct metric *metric, const struct snap_vm *vm,
		const struct labels *labels, const struct metric_value *value)
{
	const struct filling *f = arg;
	GPtrArray *current = f->history->current;
	size_t at = current->len - 1;

	/* Histograms are not kept: their percentiles are metrics of their own. */
	if (metric->type == TYPE_HIST)
		return 0;
	if (vm)
		at = (size_t)((const char *)vm - (const char *)f->snapshot->vms.v) /
		     f->snapshot->vms.stride;
	columns_set(g_ptr_array_index(current, at), metric, labels, value);
	return 0;
}

static gboolean has_left(gpointer uuid, gpointer value, gpointer arg)
{
	struct history *history = arg;
	const struct columns *columns = value;

	(void)uuid;
	if (columns->seen == history->tick)
		return FALSE;
	history->refused += columns->refused;
	return TRUE;
}

static int put_head(sqlite3_stmt *put, const struct columns *columns, gint64 time_ms)
{
	sqlite3_bind_int64(put, 1, columns->layout);
	sqlite3_bind_int64(put, 2, time_ms);
	sqlite3_bind_blob(put, 3, columns->row->data, (int)(columns->row->len * sizeof(double)),
			  SQLITE_STATIC);
	return store_db_run(put);
}

static int write_rows(struct history *history, sqlite3 *db, gint64 time_ms)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) put = store_db_prepare(
		db, "INSERT INTO head (layout, time_ms, data) VALUES (?, ?, ?)", &r);

	for (guint i = 0; put && r == 0 && i < history->current->len; i++) {
		struct columns *columns = g_ptr_array_index(history->current, i);

		if (columns->grown)
			r = columns_store(columns, db, time_ms / 1000);
		if (r == 0 && columns->row->len)
			r = put_head(put, columns, time_ms);
	}
	return r;
}

static gint64 window_of(gint64 time_ms)
{
	return time_ms / 1000 / HISTORY_WINDOW_S;
}

int history_work(struct history *history, sqlite3 *db)
{
	int r;

	if (!history->compaction)
		return 0;
	r = compaction_step(history->compaction, db, history->codec);
	if (r != 1)
		g_clear_pointer(&history->compaction, compaction_free);
	return r;
}

/* A VM that is there is not to be taken for one long gone. */
static int touch(struct history *history, sqlite3 *db, gint64 wall_s)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) put =
		store_db_prepare(db, "UPDATE vm SET seen = ? WHERE id = ?", &r);

	for (guint i = 0; put && r == 0 && i < history->current->len; i++) {
		const struct columns *columns = g_ptr_array_index(history->current, i);

		sqlite3_bind_int64(put, 1, wall_s);
		sqlite3_bind_int64(put, 2, columns->vm);
		r = store_db_run(put);
	}
	return r;
}

/* Another window: what came before is to be compacted, and unused series leave the lists. */
static void turn_window(struct history *history, gint64 window)
{
	GHashTableIter iter;
	gpointer columns;

	if (!history->compaction)
		history->compaction = compaction_new(window * HISTORY_WINDOW_S * 1000);
	if (history->window) {
		g_hash_table_iter_init(&iter, history->vms);
		while (g_hash_table_iter_next(&iter, NULL, &columns))
			columns_trim(columns, history->window_tick[0]);
	}
	history->window_tick[0] = history->window_tick[1];
	history->window_tick[1] = history->tick + 1;
	history->window = window;
}

/* What failed half-way in the file must not be thought to be there. */
static int undo(struct history *history, sqlite3 *db, int r)
{
	store_db_exec(db, "ROLLBACK");
	history_forget(history);
	return r;
}

int history_tick(struct history *history, sqlite3 *db, const struct kvmlens_snapshot *snapshot)
{
	struct filling filling = {history, snapshot};
	gint64 window = window_of(snapshot->wall_ms);
	bool turned = window != history->window;
	int r;

	if (turned)
		turn_window(history, window);
	begin(history, db, snapshot);
	metric_walk(snapshot, NULL, fill, &filling);
	g_hash_table_foreach_remove(history->vms, has_left, history);
	r = store_db_exec(db, "BEGIN IMMEDIATE");
	if (r)
		return r;
	r = write_rows(history, db, snapshot->wall_ms);
	if (!r && turned)
		r = touch(history, db, snapshot->wall_ms / 1000);
	if (!r)
		r = store_db_exec(db, "COMMIT");
	return r ? undo(history, db, r) : 0;
}
