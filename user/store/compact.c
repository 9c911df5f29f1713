/* SPDX-License-Identifier: Apache-2.0 */
#include "store/compact.h"

#include <errno.h>
#include <string.h>
#include "metric/metric.h"
#include "store/block.h"
#include "store/columns.h"
#include "store/db.h"
#include "store/history.h"

/* Head rows of one layout and window, as they are read. */
struct pile {
	gint64 layout, window;
	size_t columns;
	GArray *time_ms; /* double */
	GArray *rows; /* double, row by row */
};

struct work {
	sqlite3 *db;
	struct codec *codec;
	sqlite3_stmt *put_block, *put_rollup;
	GByteArray *blob;
	gint64 times_of; /* the layout that times are of; 0: none */
	GByteArray *times; /* bool a column: it is a time */
};

static int work_init(struct work *w, sqlite3 *db, struct codec *codec)
{
	int r = 0;

	*w = (struct work){
		.db = db, .codec = codec, .blob = g_byte_array_new(), .times = g_byte_array_new()};
	w->put_block =
		store_db_prepare(db,
				 "INSERT INTO block (layout, grp, first_ms, last_ms, rows, data)"
				 " VALUES (?, ?, ?, ?, ?, ?)",
				 &r);
	if (!r)
		w->put_rollup = store_db_prepare(
			db,
			"INSERT INTO rollup (layout, step_s, first_s, entries, data)"
			" VALUES (?, ?, ?, ?, ?)",
			&r);
	return r;
}

static void work_clear(struct work *w)
{
	sqlite3_finalize(w->put_block);
	sqlite3_finalize(w->put_rollup);
	g_byte_array_unref(w->blob);
	g_byte_array_unref(w->times);
}

/* Which of the keys are times; those that cannot be read are none. */
static int find_times(struct work *w, const GArray *keys)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) find =
		store_db_prepare(w->db, "SELECT metric FROM key WHERE id = ?", &r);

	for (guint i = 0; find && r == 0 && i < keys->len; i++) {
		const struct metric *metric = NULL;
		guint8 is_time;

		sqlite3_bind_int64(find, 1, g_array_index(keys, gint64, i));
		r = sqlite3_step(find);
		if (r == SQLITE_ROW)
			metric = metric_find((const char *)sqlite3_column_text(find, 0));
		is_time = metric && columns_is_time(metric);
		g_byte_array_append(w->times, &is_time, 1);
		r = store_db_errno(r);
		sqlite3_reset(find);
	}
	return r;
}

static int load_times(struct work *w, gint64 layout)
{
	g_autoptr(GArray) keys = NULL;
	int r = 0;
	g_autoptr(sqlite3_stmt) find = NULL;

	if (w->times_of == layout)
		return 0;
	w->times_of = layout;
	g_byte_array_set_size(w->times, 0);
	find = store_db_prepare(w->db,
				"SELECT keys FROM layout JOIN shape ON shape.id = shape WHERE"
				" layout.id = ?",
				&r);
	if (!find)
		return r;
	sqlite3_bind_int64(find, 1, layout);
	r = sqlite3_step(find);
	if (r != SQLITE_ROW)
		return store_db_errno(r);
	keys = shape_keys((const char *)sqlite3_column_text(find, 0));
	return find_times(w, keys);
}

static int put_group(struct work *w, const struct pile *pile, const struct block *block, int group)
{
	int r;

	g_byte_array_set_size(w->blob, 0);
	r = block_encode(w->codec, block, group, w->blob);
	if (r)
		return r;
	sqlite3_bind_int64(w->put_block, 1, pile->layout);
	sqlite3_bind_int64(w->put_block, 2, group);
	sqlite3_bind_int64(w->put_block, 3, (gint64)block->time_ms[0]);
	sqlite3_bind_int64(w->put_block, 4, (gint64)block->time_ms[block->rows - 1]);
	sqlite3_bind_int64(w->put_block, 5, (gint64)block->rows);
	sqlite3_bind_blob(w->put_block, 6, w->blob->data, (int)w->blob->len, SQLITE_STATIC);
	return store_db_run(w->put_block);
}

static int put_rollup(struct work *w, gint64 layout, gint64 step_s, gint64 first_s, size_t entries,
		      size_t columns, const struct rollup_point *points)
{
	int r;

	r = load_times(w, layout);
	if (r)
		return r;
	g_byte_array_set_size(w->blob, 0);
	r = rollup_encode(w->codec, points, entries, columns,
			  w->times->len == columns ? w->times->data : NULL, w->blob);
	if (r)
		return r;
	sqlite3_bind_int64(w->put_rollup, 1, layout);
	sqlite3_bind_int64(w->put_rollup, 2, step_s);
	sqlite3_bind_int64(w->put_rollup, 3, first_s);
	sqlite3_bind_int64(w->put_rollup, 4, (gint64)entries);
	sqlite3_bind_blob(w->put_rollup, 5, w->blob->data, (int)w->blob->len, SQLITE_STATIC);
	return store_db_run(w->put_rollup);
}

static void turn(const struct pile *pile, struct block *block)
{
	memcpy(block->time_ms, pile->time_ms->data, block->rows * sizeof(double));
	for (size_t c = 0; c < block->columns; c++)
		for (size_t i = 0; i < block->rows; i++)
			block->values[c * block->rows + i] =
				g_array_index(pile->rows, double, i * block->columns + c);
}

static int put_block(struct work *w, const struct pile *pile, const struct block *block)
{
	g_autofree struct rollup_point *points = g_new(struct rollup_point, block->columns);
	int r = 0;

	if (block->rows * block->columns <= BLOCK_WHOLE && block->columns < CODEC_COLUMNS_MAX)
		r = put_group(w, pile, block, BLOCK_ALL);
	else
		for (int g = 0; r == 0 && (size_t)g * BLOCK_GROUP < block->columns; g++)
			r = put_group(w, pile, block, g);
	if (r)
		return r;
	for (size_t c = 0; c < block->columns; c++)
		points[c] = rollup_of(block->values + c * block->rows, block->rows);
	return put_rollup(w, pile->layout, HISTORY_WINDOW_S, pile->window * HISTORY_WINDOW_S, 1,
			  block->columns, points);
}

static int put_pile(struct work *w, struct pile *pile)
{
	struct block block;
	int r;

	if (!pile->time_ms->len)
		return 0;
	block_init(&block, pile->time_ms->len, pile->columns);
	turn(pile, &block);
	r = put_block(w, pile, &block);
	block_clear(&block);
	g_array_set_size(pile->time_ms, 0);
	g_array_set_size(pile->rows, 0);
	return r;
}

/* Take in one head row, after what belongs to another block has been put away. */
static int pile_up(struct work *w, struct pile *pile, sqlite3_stmt *row)
{
	gint64 layout = sqlite3_column_int64(row, 0), time_ms = sqlite3_column_int64(row, 1);
	gint64 window = time_ms / 1000 / HISTORY_WINDOW_S;
	const void *data = sqlite3_column_blob(row, 2);
	size_t columns = (size_t)sqlite3_column_bytes(row, 2) / sizeof(double);
	double time = (double)time_ms;
	int r = 0;

	if (!data || !columns || columns > CODEC_COLUMNS_MAX)
		return 0;
	if (layout != pile->layout || window != pile->window || columns != pile->columns ||
	    pile->time_ms->len >= CODEC_ROWS_MAX)
		r = put_pile(w, pile);
	pile->layout = layout;
	pile->window = window;
	pile->columns = columns;
	g_array_append_val(pile->time_ms, time);
	g_array_append_vals(pile->rows, data, (guint)columns);
	return r;
}

/* A head row that waits. */
struct waiting {
	gint64 layout, id;
};

struct compaction {
	gint64 before_ms;
	GArray *heads; /* struct waiting, by layout; NULL: not found out yet */
	guint next_head;
	GArray *hours; /* gint64 layout and first_s, by turns; NULL: not found out yet */
	guint next_hour;
};

struct compaction *compaction_new(gint64 before_ms)
{
	struct compaction *c = g_new0(struct compaction, 1);

	c->before_ms = before_ms;
	return c;
}

void compaction_free(struct compaction *c)
{
	if (!c)
		return;
	if (c->heads)
		g_array_unref(c->heads);
	if (c->hours)
		g_array_unref(c->hours);
	g_free(c);
}

static gint by_layout(gconstpointer left, gconstpointer right)
{
	const struct waiting *a = left, *b = right;

	if (a->layout != b->layout)
		return a->layout < b->layout ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

static int find_heads(struct compaction *c, sqlite3 *db)
{
	int r = 0, code = SQLITE_DONE;
	g_autoptr(sqlite3_stmt) find =
		store_db_prepare(db, "SELECT layout, id FROM head WHERE time_ms < ?", &r);

	c->heads = g_array_new(FALSE, FALSE, sizeof(struct waiting));
	if (find)
		sqlite3_bind_int64(find, 1, c->before_ms);
	while (find && (code = sqlite3_step(find)) == SQLITE_ROW) {
		struct waiting row = {sqlite3_column_int64(find, 0), sqlite3_column_int64(find, 1)};

		g_array_append_val(c->heads, row);
	}
	g_array_sort(c->heads, by_layout);
	return r ? r : store_db_errno(code);
}

/* More rows at once would take long: ticks wait meanwhile. */
#define PIECE_ROWS 4000

static guint end_of_piece(const struct compaction *c)
{
	const struct waiting *first = &g_array_index(c->heads, struct waiting, c->next_head);
	guint end = c->next_head;

	while (end < c->heads->len && end - c->next_head < PIECE_ROWS &&
	       g_array_index(c->heads, struct waiting, end).layout == first->layout)
		end++;
	return end;
}

/* Rows were written in the order of time, unless the clock was set back. */
static int pile_piece(struct work *w, const struct compaction *c, guint end)
{
	struct pile pile = {
		.time_ms = g_array_new(FALSE, FALSE, sizeof(double)),
		.rows = g_array_new(FALSE, FALSE, sizeof(double)),
	};
	int r = 0;
	g_autoptr(sqlite3_stmt) row =
		store_db_prepare(w->db, "SELECT layout, time_ms, data FROM head WHERE id = ?", &r);
	g_autoptr(sqlite3_stmt) remove = NULL;

	if (row)
		remove = store_db_prepare(w->db, "DELETE FROM head WHERE id = ?", &r);
	for (guint i = c->next_head; r == 0 && i < end; i++) {
		gint64 id = g_array_index(c->heads, struct waiting, i).id;

		sqlite3_bind_int64(row, 1, id);
		r = sqlite3_step(row);
		r = r == SQLITE_ROW ? pile_up(w, &pile, row) : store_db_errno(r);
		sqlite3_reset(row);
		sqlite3_bind_int64(remove, 1, id);
		if (r == 0)
			r = store_db_run(remove);
	}
	if (r == 0)
		r = put_pile(w, &pile);
	g_array_unref(pile.time_ms);
	g_array_unref(pile.rows);
	return r;
}

/* The five-minute rollups of one layout and hour. */
struct hour {
	gint64 layout, first_s;
	size_t columns, entries;
	gint64 id[HISTORY_HOUR_S / HISTORY_WINDOW_S];
	gint64 at[HISTORY_HOUR_S / HISTORY_WINDOW_S]; /* place in the hour */
	struct rollup_point *points; /* entry by entry */
};

/*
 * A joined row has an entry for each window of the hour, absent ones with count 0, column by
 * column: neighbours are alike.
 */
static int join_hour(struct work *w, const struct hour *h)
{
	const size_t windows = HISTORY_HOUR_S / HISTORY_WINDOW_S;
	g_autofree struct rollup_point *all = g_new(struct rollup_point, windows * h->columns);
	g_autofree struct rollup_point *hour = g_new(struct rollup_point, h->columns);
	int r;

	for (size_t i = 0; i < windows * h->columns; i++)
		all[i] = (struct rollup_point){0, 0, 0, 0};
	for (size_t c = 0; c < h->columns; c++) {
		for (size_t e = 0; e < h->entries; e++)
			all[c * windows + (size_t)h->at[e]] = h->points[e * h->columns + c];
		hour[c] = rollup_join(&all[c * windows], windows);
	}
	r = put_rollup(w, h->layout, HISTORY_WINDOW_S, h->first_s, windows, h->columns, all);
	if (r)
		return r;
	return put_rollup(w, h->layout, HISTORY_HOUR_S, h->first_s, 1, h->columns, hour);
}

static int remove_joined(struct work *w, const struct hour *h)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) remove =
		store_db_prepare(w->db, "DELETE FROM rollup WHERE id = ?", &r);

	for (size_t e = 0; remove && r == 0 && e < h->entries; e++) {
		sqlite3_bind_int64(remove, 1, h->id[e]);
		r = store_db_run(remove);
	}
	return r;
}

static int read_entry(struct work *w, struct hour *h, sqlite3_stmt *row)
{
	size_t columns = (size_t)sqlite3_column_int64(row, 4);
	gint64 first_s = sqlite3_column_int64(row, 2);
	int r;

	if (!columns || columns > CODEC_COLUMNS_MAX || h->entries == G_N_ELEMENTS(h->id))
		return 0;
	if (!h->points)
		h->points = g_new(struct rollup_point, G_N_ELEMENTS(h->id) * columns);
	h->columns = columns;
	h->id[h->entries] = sqlite3_column_int64(row, 0);
	h->at[h->entries] = (first_s - h->first_s) / HISTORY_WINDOW_S;
	r = rollup_decode(w->codec, sqlite3_column_blob(row, 3),
			  (size_t)sqlite3_column_bytes(row, 3), 1, columns,
			  &h->points[h->entries * columns]);
	/* One that cannot be read is left where it is. */
	if (r == 0)
		h->entries++;
	return 0;
}

/* Read, join and replace the rows of the hour that the first of them belongs to. */
static int one_hour(struct work *w, gint64 layout, gint64 first_s)
{
	struct hour h = {.layout = layout, .first_s = first_s - first_s % HISTORY_HOUR_S};
	int r = 0, code = SQLITE_DONE;
	g_autoptr(sqlite3_stmt) rows = store_db_prepare(
		w->db,
		"SELECT rollup.id, layout, first_s, data, columns FROM rollup JOIN layout ON layout.id ="
		" layout WHERE layout = ? AND step_s = 300 AND first_s >= ? AND first_s < ? AND"
		" entries = 1 ORDER BY first_s",
		&r);

	if (!rows)
		return r;
	sqlite3_bind_int64(rows, 1, layout);
	sqlite3_bind_int64(rows, 2, h.first_s);
	sqlite3_bind_int64(rows, 3, h.first_s + HISTORY_HOUR_S);
	while (r == 0 && (code = sqlite3_step(rows)) == SQLITE_ROW)
		r = read_entry(w, &h, rows);
	if (r == 0)
		r = store_db_errno(code);
	if (r == 0 && h.entries)
		r = join_hour(w, &h);
	if (r == 0)
		r = remove_joined(w, &h);
	g_free(h.points);
	return r;
}

/* An hour of one rollup alone stays as it is: hours are read from those, too. */
static int find_hours(struct compaction *c, sqlite3 *db)
{
	gint64 before_s = c->before_ms / 1000, limit = before_s - before_s % HISTORY_HOUR_S;
	int r = 0, code = SQLITE_DONE;
	g_autoptr(sqlite3_stmt) find = store_db_prepare(
		db,
		"SELECT layout, first_s / 3600 AS hour FROM rollup WHERE step_s = 300 AND entries = 1"
		" AND first_s < ? GROUP BY layout, hour HAVING count(*) > 1",
		&r);

	c->hours = g_array_new(FALSE, FALSE, sizeof(gint64));
	if (find)
		sqlite3_bind_int64(find, 1, limit);
	while (find && (code = sqlite3_step(find)) == SQLITE_ROW) {
		gint64 pair[] = {sqlite3_column_int64(find, 0),
				 sqlite3_column_int64(find, 1) * HISTORY_HOUR_S};

		g_array_append_vals(c->hours, pair, 2);
	}
	return r ? r : store_db_errno(code);
}

static int in_transaction(struct compaction *c, sqlite3 *db, struct codec *codec, guint end)
{
	struct work w;
	int r = store_db_exec(db, "BEGIN IMMEDIATE");

	if (r)
		return r;
	r = work_init(&w, db, codec);
	if (r == 0 && end)
		r = pile_piece(&w, c, end);
	else if (r == 0)
		r = one_hour(&w, g_array_index(c->hours, gint64, c->next_hour),
			     g_array_index(c->hours, gint64, c->next_hour + 1));
	work_clear(&w);
	if (r == 0)
		r = store_db_exec(db, "COMMIT");
	if (r)
		store_db_exec(db, "ROLLBACK");
	return r;
}

int compaction_step(struct compaction *c, sqlite3 *db, struct codec *codec)
{
	int r = 0;

	if (!c->heads) {
		r = find_heads(c, db);
	} else if (c->next_head < c->heads->len) {
		guint end = end_of_piece(c);

		r = in_transaction(c, db, codec, end);
		c->next_head = end;
	} else if (!c->hours) {
		r = find_hours(c, db);
	} else if (c->next_hour + 1 < c->hours->len) {
		r = in_transaction(c, db, codec, 0);
		c->next_hour += 2;
	} else {
		return 0;
	}
	return r ? r : 1;
}
