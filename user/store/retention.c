/* SPDX-License-Identifier: Apache-2.0 */
#include "store/retention.h"

#include <string.h>
#include "store/columns.h"
#include "store/db.h"
#include "store/history.h"

/* Rows removed, and pages given back, in one go: each is short. */
#define BATCH "1000"
#define VACUUM_PAGES 1000
/* In percent of the limit: when rows leave, and until when, so that it happens now and then. */
#define FULL 95
#define ENOUGH 90
/* Below this share of the limit history is not what fills the file. */
#define FLOOR 25
/* A VM that was not there for so long is gone. */
#define GONE_S (2 * HISTORY_WINDOW_S + 60)
/* Free pages that are kept, as the next window needs them again: a twentieth, or this many. */
#define SLACK_PAGES 1024

static gint64 free_pages(sqlite3 *db)
{
	return store_db_number(db, "PRAGMA freelist_count", 0);
}

static gint64 all_pages(sqlite3 *db)
{
	return store_db_number(db, "PRAGMA page_count", 0);
}

static uint64_t bytes_of(sqlite3 *db, gint64 pages)
{
	return (uint64_t)pages * (uint64_t)store_db_number(db, "PRAGMA page_size", 4096);
}

uint64_t retention_used(sqlite3 *db)
{
	return bytes_of(db, all_pages(db) - free_pages(db));
}

uint64_t retention_size(sqlite3 *db)
{
	return bytes_of(db, all_pages(db));
}

enum phase { AGE_RAW, AGE_ROLLUP, SQUEEZE, FORGET, GIVE_BACK, DONE };

/* What a VM has, roughly. */
struct weight {
	gint64 vm;
	double bytes;
};

struct retention_run {
	struct retention retention;
	gint64 now_s;
	enum phase phase;
	bool removed; /* rows: what nothing needs any more is to be forgotten */
	bool squeezing;
	const char *table; /* that is squeezed: block, then rollup */
	GArray *weights; /* struct weight of table; NULL: not weighed yet */
	double rest; /* bytes of rollups, while blocks are squeezed */
};

struct retention_run *retention_begin(const struct retention *retention, gint64 now_s)
{
	struct retention_run *run = g_new0(struct retention_run, 1);

	run->retention = *retention;
	run->now_s = now_s;
	run->table = "block";
	return run;
}

void retention_end(struct retention_run *run)
{
	if (!run)
		return;
	if (run->weights)
		g_array_unref(run->weights);
	g_free(run);
}

/* One batch of a deletion with up to two numbers. Rows are about as old as their id. */
static int remove_batch(sqlite3 *db, const char *sql, gint64 one, gint64 two, guint64 *removed)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) statement = store_db_prepare(db, sql, &r);

	if (!statement)
		return r;
	sqlite3_bind_int64(statement, 1, one);
	if (sqlite3_bind_parameter_count(statement) > 1)
		sqlite3_bind_int64(statement, 2, two);
	r = store_db_run(statement);
	if (r)
		return r;
	*removed += (guint64)sqlite3_changes(db);
	return sqlite3_changes(db) > 0;
}

static int age(struct retention_run *run, sqlite3 *db, struct retention_result *result)
{
	if (run->phase == AGE_RAW)
		return remove_batch(
			db,
			"DELETE FROM block WHERE id IN (SELECT id FROM block ORDER BY id"
			" LIMIT " BATCH ") AND last_ms < ?",
			(run->now_s - run->retention.raw_s) * 1000, 0, &result->aged);
	return remove_batch(
		db,
		"DELETE FROM rollup WHERE id IN (SELECT id FROM rollup ORDER BY id LIMIT"
		" " BATCH ") AND first_s < ?",
		run->now_s - run->retention.rollup_s, 0, &result->aged);
}

/* The VM that is gone the longest leaves, with all that was kept of it; 0: none is gone. */
static int remove_gone(struct retention_run *run, sqlite3 *db, struct retention_result *result)
{
	gint64 vm, seen, before;
	int r = 0;
	g_autoptr(sqlite3_stmt) find = store_db_prepare(
		db,
		"SELECT id, seen FROM vm WHERE uuid != '' AND seen < ? ORDER BY seen, id LIMIT 1",
		&r);

	if (!find)
		return r;
	sqlite3_bind_int64(find, 1, run->now_s - GONE_S);
	r = sqlite3_step(find);
	if (r != SQLITE_ROW)
		return store_db_errno(r);
	vm = sqlite3_column_int64(find, 0);
	seen = sqlite3_column_int64(find, 1);
	sqlite3_reset(find);
	before = (gint64)result->gone_rows;
	r = remove_batch(
		db,
		"DELETE FROM block WHERE id IN (SELECT id FROM block WHERE layout IN (SELECT"
		" id FROM layout WHERE vm = ?) LIMIT " BATCH ")",
		vm, 0, &result->gone_rows);
	if (r == 0)
		r = remove_batch(
			db,
			"DELETE FROM rollup WHERE id IN (SELECT id FROM rollup WHERE layout"
			" IN (SELECT id FROM layout WHERE vm = ?) LIMIT " BATCH ")",
			vm, 0, &result->gone_rows);
	if (r || (gint64)result->gone_rows != before)
		return r;
	r = remove_batch(db,
			 "DELETE FROM head WHERE layout IN (SELECT id FROM layout WHERE vm = ?)",
			 vm, 0, &result->gone_rows);
	if (r >= 0)
		r = remove_batch(db, "DELETE FROM layout WHERE vm = ?", vm, 0, &(guint64){0});
	if (r >= 0)
		r = remove_batch(db, "DELETE FROM vm WHERE id = ?", vm, 0, &result->gone_vms);
	result->gone_seen_s = seen;
	return r;
}

/*
 * How much each VM has in a table: counted in its index, as reading all rows would take long, times
 * what a sample of its rows has.
 */
static int weigh(struct retention_run *run, sqlite3 *db, const char *table, GArray *weights)
{
	g_autofree char *sql = g_strdup_printf(
		"SELECT vm, sum((SELECT count(*) FROM %s WHERE layout = layout.id) * (SELECT"
		" coalesce(avg(length(data)), 0) + 40 FROM (SELECT data FROM %s WHERE layout ="
		" layout.id LIMIT 64))) FROM layout GROUP BY vm",
		table, table);
	int r = 0, code = SQLITE_DONE;
	g_autoptr(sqlite3_stmt) rows = store_db_prepare(db, sql, &r);

	while (rows && (code = sqlite3_step(rows)) == SQLITE_ROW) {
		struct weight w = {sqlite3_column_int64(rows, 0), sqlite3_column_double(rows, 1)};

		if (weights && w.bytes > 0)
			g_array_append_val(weights, w);
		else
			run->rest += w.bytes;
	}
	return r ? r : store_db_errno(code);
}

static int weigh_all(struct retention_run *run, sqlite3 *db)
{
	int r;

	run->weights = g_array_new(FALSE, FALSE, sizeof(struct weight));
	run->rest = 0;
	r = weigh(run, db, run->table, run->weights);
	if (r == 0 && strcmp(run->table, "block") == 0)
		r = weigh(run, db, "rollup", NULL);
	return r;
}

static int name_largest(sqlite3 *db, gint64 vm, struct retention_result *result)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) find = store_db_prepare(db, "SELECT name FROM vm WHERE id = ?", &r);

	if (!find)
		return r;
	sqlite3_bind_int64(find, 1, vm);
	if (sqlite3_step(find) == SQLITE_ROW)
		g_strlcpy(result->largest, (const char *)sqlite3_column_text(find, 0),
			  sizeof(result->largest));
	return 0;
}

/* Of the largest VM everything up to an hour after its oldest value leaves. */
static int remove_oldest(struct retention_run *run, sqlite3 *db, struct weight *largest,
			 struct retention_result *result)
{
	bool raw = strcmp(run->table, "block") == 0;
	const char *time = raw ? "last_ms" : "first_s * 1000";
	g_autofree char *find = g_strdup_printf(
		"SELECT min(%s) FROM %s WHERE layout IN (SELECT id FROM layout WHERE vm = %" G_GINT64_FORMAT
		")",
		time, run->table, largest->vm);
	g_autofree char *measure = NULL, *sql = NULL;
	gint64 until = store_db_number(db, find, 0) + HISTORY_HOUR_S * 1000;
	guint64 before = result->squeezed;
	gint64 bytes;
	int r;

	measure = g_strdup_printf("SELECT sum(length(data) + 40) FROM %s WHERE layout IN (SELECT id"
				  " FROM layout WHERE vm = %" G_GINT64_FORMAT
				  ") AND %s < %" G_GINT64_FORMAT,
				  run->table, largest->vm, time, until);
	bytes = store_db_number(db, measure, 0);
	sql = g_strdup_printf(
		"DELETE FROM %s WHERE id IN (SELECT id FROM %s WHERE layout IN (SELECT"
		" id FROM layout WHERE vm = ?) AND %s < ?)",
		run->table, run->table, time);
	r = remove_batch(db, sql, largest->vm, until, &result->squeezed);
	if (r < 0)
		return r;
	largest->bytes = result->squeezed == before ? 0 : MAX(largest->bytes - (double)bytes, 1);
	result->squeezed_ms = until;
	return name_largest(db, largest->vm, result);
}

static struct weight *heaviest(const GArray *weights, double *ret_sum)
{
	struct weight *most = NULL;

	*ret_sum = 0;
	for (guint i = 0; i < weights->len; i++) {
		struct weight *w = &g_array_index(weights, struct weight, i);

		*ret_sum += w->bytes;
		if (w->bytes > 0 && (!most || w->bytes > most->bytes))
			most = w;
	}
	return most;
}

static int squeeze_largest(struct retention_run *run, sqlite3 *db, struct retention_result *result)
{
	struct weight *most;
	double sum;
	int r = 0;

	if (!run->weights)
		return weigh_all(run, db) ?: 1;
	most = heaviest(run->weights, &sum);
	if (sum + run->rest < (double)run->retention.max_bytes / 100 * FLOOR) {
		result->others = true;
		return 0;
	}
	if (most) {
		r = remove_oldest(run, db, most, result);
		return r ? r : 1;
	}
	if (strcmp(run->table, "rollup") == 0)
		return 0;
	run->table = "rollup";
	g_clear_pointer(&run->weights, g_array_unref);
	return 1;
}

static int squeeze(struct retention_run *run, sqlite3 *db, struct retention_result *result)
{
	uint64_t percent = run->retention.max_bytes / 100;
	guint64 before = result->gone_vms + result->gone_rows + result->squeezed;
	int r;

	if (retention_used(db) <= percent * (run->squeezing ? ENOUGH : FULL))
		return 0;
	run->squeezing = true;
	r = remove_gone(run, db, result);
	if (r == 0)
		r = squeeze_largest(run, db, result);
	if (result->gone_vms + result->gone_rows + result->squeezed != before)
		run->removed = true;
	return r;
}

static int give_back(struct retention_run *run, sqlite3 *db)
{
	gint64 all = all_pages(db), free = free_pages(db);
	gint64 slack = MAX(all / 20, SLACK_PAGES);

	if (free == 0 || (free <= slack && bytes_of(db, all) <= run->retention.max_bytes))
		return 0;
	return store_db_exec(db, "PRAGMA incremental_vacuum(" G_STRINGIFY(VACUUM_PAGES) ")") ?: 1;
}

static GHashTable *keys_in_use(sqlite3 *db, int *ret_error)
{
	GHashTable *used = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	int code = SQLITE_DONE;
	g_autoptr(sqlite3_stmt) shapes = store_db_prepare(db, "SELECT keys FROM shape", ret_error);

	while (shapes && (code = sqlite3_step(shapes)) == SQLITE_ROW) {
		g_autoptr(GArray) keys = shape_keys((const char *)sqlite3_column_text(shapes, 0));

		for (guint i = 0; i < keys->len; i++) {
			const gint64 *key = &g_array_index(keys, gint64, i);

			g_hash_table_add(used, g_memdup2(key, sizeof(*key)));
		}
	}
	if (!*ret_error)
		*ret_error = store_db_errno(code);
	return used;
}

static int forget_keys(sqlite3 *db)
{
	int r = 0, code = SQLITE_DONE;
	g_autoptr(GHashTable) used = keys_in_use(db, &r);
	g_autoptr(sqlite3_stmt) keys = NULL, remove = NULL;

	if (r == 0)
		keys = store_db_prepare(db, "SELECT id FROM key", &r);
	if (keys)
		remove = store_db_prepare(db, "DELETE FROM key WHERE id = ?", &r);
	while (remove && r == 0 && (code = sqlite3_step(keys)) == SQLITE_ROW) {
		gint64 key = sqlite3_column_int64(keys, 0);

		if (g_hash_table_contains(used, &key))
			continue;
		sqlite3_bind_int64(remove, 1, key);
		r = store_db_run(remove);
	}
	return r ? r : store_db_errno(code);
}

/*
 * Layouts without rows, then shapes without layouts, keys without shapes, VMs without layouts. A VM
 * that is there needs its layout for the next row.
 */
static int forget_unused(struct retention_run *run, sqlite3 *db)
{
	g_autofree char *sql = g_strdup_printf(
		"BEGIN IMMEDIATE;"
		"DELETE FROM layout WHERE NOT EXISTS (SELECT 1 FROM block WHERE block.layout ="
		" layout.id) AND NOT EXISTS (SELECT 1 FROM rollup WHERE rollup.layout = layout.id)"
		" AND id NOT IN (SELECT layout FROM head) AND vm IN (SELECT id FROM vm WHERE seen < "
		"%" G_GINT64_FORMAT ");"
		"DELETE FROM shape WHERE id NOT IN (SELECT shape FROM layout);"
		"DELETE FROM vm WHERE id NOT IN (SELECT vm FROM layout);",
		run->now_s - GONE_S);
	int r;

	if (!run->removed)
		return 0;
	r = store_db_exec(db, sql);
	if (r == 0)
		r = forget_keys(db);
	if (r == 0)
		r = store_db_exec(db, "COMMIT");
	if (r)
		store_db_exec(db, "ROLLBACK");
	return r;
}

int retention_step(struct retention_run *run, sqlite3 *db, struct retention_result *result)
{
	guint64 aged = result->aged;
	int r = 0;

	switch (run->phase) {
	case AGE_RAW:
	case AGE_ROLLUP:
		r = age(run, db, result);
		run->removed |= result->aged != aged;
		break;
	case SQUEEZE:
		r = squeeze(run, db, result);
		break;
	case FORGET:
		r = forget_unused(run, db);
		break;
	case GIVE_BACK:
		r = give_back(run, db);
		break;
	case DONE:
		return 0;
	}
	if (r == 0)
		run->phase++;
	return r < 0 ? r : run->phase != DONE;
}
