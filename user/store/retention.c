/* SPDX-License-Identifier: Apache-2.0 */
#include "store/retention.h"

#include "store/db.h"

/* Rows removed, and pages given back, in one go: each is short. */
#define BATCH "2000"
#define ROUNDS 200
#define VACUUM_PAGES 2000
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

/* Run a deletion with one number until it finds nothing more. Rows are about as old as their id. */
static int remove_all(sqlite3 *db, const char *sql, gint64 bound, guint64 *removed)
{
	int r = 0, n = 1;
	g_autoptr(sqlite3_stmt) statement = store_db_prepare(db, sql, &r);

	for (unsigned i = 0; statement && r == 0 && n > 0 && i < ROUNDS; i++) {
		sqlite3_bind_int64(statement, 1, bound);
		r = store_db_run(statement);
		n = r ? 0 : sqlite3_changes(db);
		*removed += (guint64)n;
	}
	return r;
}

/* Where the file is too large the oldest raw values leave first, then the oldest rollups. */
static int squeeze(sqlite3 *db, uint64_t max_bytes, guint64 *removed)
{
	static const char *const sql[] = {
		"DELETE FROM block WHERE id IN (SELECT id FROM block ORDER BY id LIMIT 500)",
		"DELETE FROM rollup WHERE id IN (SELECT id FROM rollup ORDER BY id LIMIT 500)",
	};
	unsigned what = 0;
	int r = 0;

	for (unsigned i = 0; r == 0 && what < 2 && i < 10 * ROUNDS; i++) {
		if (retention_used(db) <= max_bytes / 100 * 95)
			break;
		r = store_db_exec(db, sql[what]);
		if (r == 0 && sqlite3_changes(db) == 0)
			what++;
		else if (r == 0)
			*removed += (guint64)sqlite3_changes(db);
	}
	return r;
}

static int give_back(sqlite3 *db, uint64_t max_bytes)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < ROUNDS; i++) {
		gint64 all = all_pages(db), free = free_pages(db);
		gint64 slack = MAX(all / 20, SLACK_PAGES);

		if (free <= slack && bytes_of(db, all) <= max_bytes)
			break;
		if (free == 0)
			break;
		r = store_db_exec(db, "PRAGMA incremental_vacuum(" G_STRINGIFY(VACUUM_PAGES) ")");
	}
	return r;
}

/* Layouts without rows, then series without layouts, then VMs without series. */
static int forget_unused(sqlite3 *db)
{
	return store_db_exec(
		db, "DELETE FROM layout WHERE id NOT IN (SELECT layout FROM block) AND id NOT IN"
		    " (SELECT layout FROM rollup) AND id NOT IN (SELECT layout FROM head);"
		    "DELETE FROM series WHERE id NOT IN (SELECT series FROM layout_series);"
		    "DELETE FROM vm WHERE id NOT IN (SELECT vm FROM layout);");
}

int retention_run(sqlite3 *db, const struct retention *retention, gint64 now_s,
		  struct retention_result *ret_result)
{
	struct retention_result result = {0, 0};
	int r = remove_all(
		db,
		"DELETE FROM block WHERE id IN (SELECT id FROM block ORDER BY id LIMIT " BATCH
		") AND last_ms < ?",
		(now_s - retention->raw_s) * 1000, &result.aged);

	if (r == 0)
		r = remove_all(db,
			       "DELETE FROM rollup WHERE id IN (SELECT id FROM rollup ORDER BY id"
			       " LIMIT " BATCH ") AND first_s < ?",
			       now_s - retention->rollup_s, &result.aged);
	if (r == 0)
		r = squeeze(db, retention->max_bytes, &result.squeezed);
	if (r == 0 && (result.aged || result.squeezed))
		r = forget_unused(db);
	if (r == 0)
		r = give_back(db, retention->max_bytes);
	*ret_result = result;
	return r;
}
