/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/keep.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>

#define KEEP_LEVEL 1
#define FORGET_S (30 * 86400)

static const char *const migrations[] = {
	"CREATE TABLE analytics (uuid TEXT NOT NULL, metric TEXT NOT NULL, labels TEXT NOT NULL,"
	" saved_s INTEGER NOT NULL, state BLOB NOT NULL, PRIMARY KEY (uuid, metric, labels))"
	" WITHOUT ROWID",
};

const struct store_component keep_component = {"analytics", migrations, G_N_ELEMENTS(migrations)};

struct kept {
	char *uuid, *metric, *labels;
	void *bytes;
	size_t n;
};

struct job {
	GArray *kept; /* struct kept */
	gint64 now_s;
};

static void kept_clear(gpointer arg)
{
	struct kept *kept = arg;

	g_free(kept->uuid);
	g_free(kept->metric);
	g_free(kept->labels);
	g_free(kept->bytes);
}

static int pack(void *arg, const char *uuid, const char *metric, const char *labels,
		const struct watch_state *state)
{
	struct job *job = arg;
	size_t bound = ZSTD_compressBound(sizeof(*state)), n;
	g_autofree void *bytes = g_malloc(bound);
	struct kept kept;

	n = ZSTD_compress(bytes, bound, state, sizeof(*state), KEEP_LEVEL);
	if (ZSTD_isError(n))
		return -EIO;
	kept = (struct kept){g_strdup(uuid), g_strdup(metric), g_strdup(labels),
			     g_memdup2(bytes, n), n};
	g_array_append_val(job->kept, kept);
	return 0;
}

static int write_one(sqlite3_stmt *put, const struct kept *kept, gint64 now_s)
{
	sqlite3_bind_text(put, 1, kept->uuid, -1, SQLITE_STATIC);
	sqlite3_bind_text(put, 2, kept->metric, -1, SQLITE_STATIC);
	sqlite3_bind_text(put, 3, kept->labels, -1, SQLITE_STATIC);
	sqlite3_bind_int64(put, 4, now_s);
	sqlite3_bind_blob(put, 5, kept->bytes, (int)kept->n, SQLITE_STATIC);
	return store_db_run(put);
}

static int write_all(sqlite3 *db, void *arg)
{
	const struct job *job = arg;
	int r = 0;
	g_autoptr(sqlite3_stmt) put = store_db_prepare(
		db,
		"REPLACE INTO analytics (uuid, metric, labels, saved_s, state) VALUES (?, ?, ?, ?, ?)",
		&r);
	g_autoptr(sqlite3_stmt) old = NULL;

	for (guint i = 0; put && r == 0 && i < job->kept->len; i++)
		r = write_one(put, &g_array_index(job->kept, struct kept, i), job->now_s);
	if (r == 0)
		old = store_db_prepare(db, "DELETE FROM analytics WHERE saved_s < ?", &r);
	if (!old)
		return r;
	sqlite3_bind_int64(old, 1, job->now_s - FORGET_S);
	return store_db_run(old);
}

static void job_done(void *arg, int result)
{
	struct job *job = arg;

	(void)result; /* counted by the store; the next save tries again */
	g_array_unref(job->kept);
	g_free(job);
}

int keep_save(struct engine *engine, struct store *store, gint64 now_s)
{
	struct job *job = g_new0(struct job, 1);
	int r;

	job->now_s = now_s;
	job->kept = g_array_new(FALSE, FALSE, sizeof(struct kept));
	g_array_set_clear_func(job->kept, kept_clear);
	r = engine_each_state(engine, pack, job);
	if (r == 0)
		r = store_submit(store, write_all, job_done, job);
	if (r)
		job_done(job, r);
	return r;
}

static bool unpack(struct engine *engine, sqlite3_stmt *row)
{
	g_autofree struct watch_state *state = g_new(struct watch_state, 1);
	const void *bytes = sqlite3_column_blob(row, 3);
	size_t n = (size_t)sqlite3_column_bytes(row, 3);
	const char *text[3];

	for (unsigned i = 0; i < 3; i++) {
		text[i] = (const char *)sqlite3_column_text(row, (int)i);
		if (!text[i])
			return false;
	}
	if (!bytes || ZSTD_decompress(state, sizeof(*state), bytes, n) != sizeof(*state))
		return false;
	return engine_remember(engine, text[0], text[1], text[2], state, sizeof(*state)) == 0;
}

int keep_load(struct engine *engine, const char *path, gint64 now_s)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *rows;
	int r = store_db_open_reader(path, &db), n = 0;

	if (r)
		return r;
	rows = store_db_prepare(
		db, "SELECT uuid, metric, labels, state FROM analytics WHERE saved_s >= ?", &r);
	if (rows)
		sqlite3_bind_int64(rows, 1, now_s - FORGET_S);
	while (rows && sqlite3_step(rows) == SQLITE_ROW)
		n += unpack(engine, rows);
	sqlite3_finalize(rows);
	store_db_close(db);
	return r ? r : n;
}
