/* SPDX-License-Identifier: Apache-2.0 */
#include "store/query.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <string.h>
#include "store/block.h"
#include "store/columns.h"
#include "store/db.h"
#include "store/history.h"

/* Instructions of SQLite's between two looks at the clock. */
#define CLOCK_EVERY 1000

struct store_reader {
	sqlite3 *db;
	struct codec *codec;
	gint64 deadline_us; /* of g_get_monotonic_time(); 0: none */
	guint max_points; /* 0: no limit */
};

int store_reader_open(const char *path, struct store_reader **ret_reader)
{
	sqlite3 *db;
	int r = store_db_open_reader(path, &db);

	if (r)
		return r;
	*ret_reader = g_new0(struct store_reader, 1);
	(*ret_reader)->db = db;
	(*ret_reader)->codec = codec_new();
	return 0;
}

void store_reader_close(struct store_reader *reader)
{
	if (!reader)
		return;
	store_db_close(reader->db);
	codec_free(reader->codec);
	g_free(reader);
}

static bool is_over(const struct store_reader *reader)
{
	return reader->deadline_us && g_get_monotonic_time() >= reader->deadline_us;
}

static int interrupt(void *reader)
{
	return is_over(reader);
}

void store_reader_limit(struct store_reader *reader, unsigned deadline_ms, guint max_points)
{
	reader->deadline_us = g_get_monotonic_time() + deadline_ms * G_GINT64_CONSTANT(1000);
	reader->max_points = max_points;
	sqlite3_busy_timeout(reader->db, (int)deadline_ms);
	sqlite3_progress_handler(reader->db, CLOCK_EVERY, interrupt, reader);
}

/* What ended a statement that its deadline may have interrupted. */
static int result_of(const struct store_reader *reader, int code)
{
	return (code & 0xff) == SQLITE_INTERRUPT && is_over(reader) ? -ETIMEDOUT
								    : store_db_errno(code);
}

static void series_free(gpointer arg)
{
	struct store_series *series = arg;

	g_free(series->vm);
	g_free(series->uuid);
	g_free(series->metric);
	g_free(series->labels);
	g_free(series);
}

GPtrArray *store_series_array(void)
{
	return g_ptr_array_new_with_free_func(series_free);
}

static char *text_at(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return g_strdup(text ? text : "");
}

static bool wanted(const struct store_series *s, const char *vm, const char *labels)
{
	if (labels && !strstr(s->labels, labels))
		return false;
	if (!vm)
		return true;
	/* The host has no uuid, and no VM's name means it. */
	if (!*vm || !*s->uuid)
		return !*vm && !*s->uuid;
	return fnmatch(vm, s->vm, 0) == 0 || strcmp(vm, s->uuid) == 0;
}

/* What a series is called, by its key. */
struct key {
	gint64 id;
	char *metric, *labels;
	double scale;
};

static void key_free(gpointer arg)
{
	struct key *key = arg;

	g_free(key->metric);
	g_free(key->labels);
	g_free(key);
}

static GHashTable *numbers_new(GDestroyNotify free_value)
{
	return g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_value);
}

static int load_keys(struct store_reader *reader, const char *metric, GHashTable *keys)
{
	int r = 0, code = SQLITE_DONE;
	g_autoptr(sqlite3_stmt) rows = store_db_prepare(
		reader->db,
		metric ? "SELECT id, metric, labels, scale FROM key WHERE metric = ?1"
		       : "SELECT id, metric, labels, scale FROM key",
		&r);

	if (rows && metric)
		sqlite3_bind_text(rows, 1, metric, -1, SQLITE_STATIC);
	while (rows && (code = sqlite3_step(rows)) == SQLITE_ROW) {
		struct key *key = g_new0(struct key, 1);

		key->id = sqlite3_column_int64(rows, 0);
		key->metric = text_at(rows, 1);
		key->labels = text_at(rows, 2);
		key->scale = sqlite3_column_double(rows, 3);
		g_hash_table_insert(keys, g_memdup2(&key->id, sizeof(key->id)), key);
	}
	return r ? r : result_of(reader, code);
}

static void unref_array(gpointer array)
{
	g_ptr_array_unref(array);
}

/* Those of the keys that a shape has, in its order; the same array for the same shape. */
static const GPtrArray *keys_of(GHashTable *shapes, gint64 shape, const char *text,
				GHashTable *keys)
{
	GPtrArray *found = g_hash_table_lookup(shapes, &shape);
	g_autoptr(GArray) list = NULL;

	if (found)
		return found;
	found = g_ptr_array_new();
	list = shape_keys(text);
	for (guint i = 0; i < list->len; i++) {
		struct key *key = g_hash_table_lookup(keys, &g_array_index(list, gint64, i));

		if (key)
			g_ptr_array_add(found, key);
	}
	g_hash_table_insert(shapes, g_memdup2(&shape, sizeof(shape)), found);
	return found;
}

static gint by_name(gconstpointer left, gconstpointer right)
{
	const struct store_series *a = *(const struct store_series *const *)left;
	const struct store_series *b = *(const struct store_series *const *)right;

	return strcmp(a->vm, b->vm) ?: strcmp(a->uuid, b->uuid) ?: strcmp(a->metric, b->metric) ?:
	       strcmp(a->labels, b->labels);
}

/* Add the series of one layout that are wanted and not there yet; seen: keys of this VM. */
static void add_layout(const GPtrArray *keys, sqlite3_stmt *row, const char *vm, const char *labels,
		       GHashTable *seen, GPtrArray *all)
{
	for (guint i = 0; i < keys->len; i++) {
		struct key *key = g_ptr_array_index(keys, i);
		struct store_series *s;

		if (g_hash_table_contains(seen, key))
			continue;
		s = g_new0(struct store_series, 1);
		s->vm_row = sqlite3_column_int64(row, 0);
		s->key = key->id;
		s->vm = text_at(row, 1);
		s->uuid = text_at(row, 2);
		s->metric = g_strdup(key->metric);
		s->labels = g_strdup(key->labels);
		s->scale = key->scale;
		g_hash_table_add(seen, key);
		if (wanted(s, vm, labels))
			g_ptr_array_add(all, s);
		else
			series_free(s);
	}
}

static int find(struct store_reader *reader, const char *vm, const char *metric, const char *labels,
		GPtrArray **ret_series)
{
	g_autoptr(GHashTable) keys = numbers_new(key_free), shapes = numbers_new(unref_array);
	g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);
	g_autoptr(GPtrArray) all = store_series_array();
	gint64 of = -1;
	int code = SQLITE_DONE, r = load_keys(reader, metric, keys);
	g_autoptr(sqlite3_stmt) rows = NULL;

	if (r == 0)
		rows = store_db_prepare(
			reader->db,
			"SELECT vm.id, name, uuid, shape, keys FROM vm JOIN layout ON layout.vm = vm.id"
			" JOIN shape ON shape.id = shape ORDER BY vm.id",
			&r);
	while (rows && (code = sqlite3_step(rows)) == SQLITE_ROW) {
		if (sqlite3_column_int64(rows, 0) != of)
			g_hash_table_remove_all(seen);
		of = sqlite3_column_int64(rows, 0);
		add_layout(keys_of(shapes, sqlite3_column_int64(rows, 3),
				   (const char *)sqlite3_column_text(rows, 4), keys),
			   rows, vm, labels, seen, all);
	}
	if (r == 0)
		r = result_of(reader, code);
	if (r)
		return r;
	g_ptr_array_sort(all, by_name);
	*ret_series = g_steal_pointer(&all);
	return 0;
}

int store_find(struct store_reader *reader, const char *vm, const char *metric, const char *labels,
	       GPtrArray **ret_series)
{
	return find(reader, vm, metric, labels, ret_series);
}

int store_list(struct store_reader *reader, const char *vm, GPtrArray **ret_series)
{
	return find(reader, vm, NULL, NULL, ret_series);
}

/* One query: where the series stands in one layout, and what was found so far. */
struct search {
	struct store_reader *reader;
	gint64 layout;
	size_t place, columns;
	gint64 since_ms, until_ms;
	double scale;
	GArray *points;
	gint64 first_raw_ms; /* of the blocks and head rows found */
};

static void add(struct search *s, gint64 time_ms, struct rollup_point p)
{
	struct store_point point = {time_ms, p.min * s->scale, p.mean * s->scale, p.max * s->scale,
				    p.count};

	if (p.count > 0 && time_ms >= s->since_ms && time_ms <= s->until_ms)
		g_array_append_val(s->points, point);
}

static void add_value(struct search *s, double time_ms, double value)
{
	if (!isnan(value))
		add(s, (gint64)time_ms, (struct rollup_point){value, value, value, 1});
}

static int read_block(struct search *s, sqlite3_stmt *row)
{
	size_t rows = (size_t)sqlite3_column_int64(row, 0);
	g_autofree double *time_ms = NULL, *value = NULL;
	int r;

	if (!rows || rows > CODEC_ROWS_MAX)
		return 0;
	time_ms = g_new(double, rows);
	value = g_new(double, rows);
	r = block_decode(s->reader->codec, sqlite3_column_blob(row, 1),
			 (size_t)sqlite3_column_bytes(row, 1), rows, s->columns,
			 sqlite3_column_int(row, 3), s->place, time_ms, value);
	s->first_raw_ms = MIN(s->first_raw_ms, sqlite3_column_int64(row, 2));
	/* A damaged block is a gap, not the end. */
	for (size_t i = 0; r == 0 && i < rows; i++)
		add_value(s, time_ms[i], value[i]);
	return 0;
}

static int read_head(struct search *s, sqlite3_stmt *row)
{
	size_t n = (size_t)sqlite3_column_bytes(row, 1) / sizeof(double);
	const char *data = sqlite3_column_blob(row, 1);
	gint64 time_ms = sqlite3_column_int64(row, 0);
	double value;

	if (s->place >= n)
		return 0;
	memcpy(&value, data + s->place * sizeof(double), sizeof(value));
	s->first_raw_ms = MIN(s->first_raw_ms, time_ms);
	add_value(s, (double)time_ms, value);
	return 0;
}

/* Entries of one row lie column by column: those of ours are neighbours. */
static int read_rollup(struct search *s, sqlite3_stmt *row)
{
	size_t entries = (size_t)sqlite3_column_int64(row, 0);
	gint64 first_s = sqlite3_column_int64(row, 1), step_s = sqlite3_column_int64(row, 3);
	g_autofree struct rollup_point *points = NULL;

	if (!entries || entries > HISTORY_HOUR_S / HISTORY_WINDOW_S)
		return 0;
	points = g_new(struct rollup_point, entries * s->columns);
	if (rollup_decode(s->reader->codec, sqlite3_column_blob(row, 2),
			  (size_t)sqlite3_column_bytes(row, 2), entries, s->columns, points))
		return 0;
	for (size_t e = 0; e < entries; e++)
		add(s, (first_s + (gint64)e * step_s) * 1000, points[s->place * entries + e]);
	return 0;
}

/* Run a query with the search's layout as ?1 and three more numbers. */
static int each_row(struct search *s, const char *sql, gint64 two, gint64 three, gint64 four,
		    int (*fn)(struct search *s, sqlite3_stmt *row))
{
	int r = 0, code = SQLITE_DONE;
	g_autoptr(sqlite3_stmt) rows = store_db_prepare(s->reader->db, sql, &r);

	if (!rows)
		return r;
	sqlite3_bind_int64(rows, 1, s->layout);
	sqlite3_bind_int64(rows, 2, two);
	sqlite3_bind_int64(rows, 3, three);
	if (sqlite3_bind_parameter_count(rows) > 3)
		sqlite3_bind_int64(rows, 4, four);
	while (r == 0 && (code = sqlite3_step(rows)) == SQLITE_ROW) {
		r = fn(s, rows);
		if (s->reader->max_points && s->points->len > s->reader->max_points)
			r = -E2BIG;
		else if (is_over(s->reader)) /* decoding takes time, too */
			r = -ETIMEDOUT;
	}
	return r ? r : result_of(s->reader, code);
}

static int raw(struct search *s)
{
	int r = each_row(s,
			 "SELECT rows, data, first_ms, grp FROM block WHERE layout = ? AND grp IN"
			 " (?, -1) AND last_ms >= ? AND first_ms <= ?",
			 (gint64)(s->place / BLOCK_GROUP), s->since_ms, s->until_ms, read_block);

	return r;
}

static int head(struct search *s)
{
	return each_row(
		s,
		"SELECT time_ms, data FROM head WHERE layout = ? AND time_ms >= ? AND time_ms"
		" <= ?",
		s->since_ms, s->until_ms, 0, read_head);
}

/* Rollups of one step that begin in the searched time; loose: those not joined to an hour yet. */
static int rollups(struct search *s, gint64 step_s, bool loose)
{
	gint64 since_s = s->since_ms / 1000 - HISTORY_HOUR_S;

	return each_row(
		s,
		loose ? "SELECT entries, first_s, data, step_s FROM rollup WHERE layout = ? AND"
			" step_s = ? AND first_s >= ? AND first_s <= ? AND entries = 1"
		      : "SELECT entries, first_s, data, step_s FROM rollup WHERE layout = ? AND"
			" step_s = ? AND first_s >= ? AND first_s <= ?",
		step_s, since_s, s->until_ms / 1000, read_rollup);
}

/* Every raw value there is, and rollups for the time before them. */
static int search_raw(struct search *s)
{
	gint64 until = s->until_ms;
	int r = raw(s);

	if (r == 0)
		r = head(s);
	s->until_ms = MIN(until, s->first_raw_ms - HISTORY_WINDOW_S * 1000);
	if (r == 0 && s->until_ms >= s->since_ms)
		r = rollups(s, HISTORY_WINDOW_S, false);
	s->until_ms = until;
	return r;
}

static int search_layout(struct search *s, gint64 step_ms)
{
	int r;

	/* A rollup that reaches over the end of a step would be in the wrong one. */
	if (step_ms == 0 || step_ms % (HISTORY_WINDOW_S * 1000))
		return search_raw(s);
	if (step_ms % (HISTORY_HOUR_S * 1000)) {
		r = rollups(s, HISTORY_WINDOW_S, false);
	} else {
		r = rollups(s, HISTORY_HOUR_S, false);
		if (r == 0)
			r = rollups(s, HISTORY_WINDOW_S, true);
	}
	return r ? r : head(s);
}

static gint by_time(gconstpointer left, gconstpointer right)
{
	const struct store_point *a = left, *b = right;

	return (a->time_ms > b->time_ms) - (a->time_ms < b->time_ms);
}

/* Join the points of each step, in place. */
static void join_steps(GArray *points, gint64 step_ms)
{
	guint out = 0;

	for (guint i = 0; i < points->len; i++) {
		struct store_point p = g_array_index(points, struct store_point, i);
		struct store_point *last =
			out ? &g_array_index(points, struct store_point, out - 1) : NULL;

		p.time_ms -= p.time_ms % step_ms;
		if (last && last->time_ms == p.time_ms) {
			last->min = fmin(last->min, p.min);
			last->max = fmax(last->max, p.max);
			last->count += p.count;
			last->mean += (p.mean - last->mean) * p.count / last->count;
		} else {
			g_array_index(points, struct store_point, out++) = p;
		}
	}
	g_array_set_size(points, out);
}

/* Where a shape has a key. */
static bool place_of(const char *keys, gint64 key, size_t columns, size_t *ret_place)
{
	g_autoptr(GArray) list = shape_keys(keys);

	for (guint i = 0; i < list->len && i < columns; i++)
		if (g_array_index(list, gint64, i) == key) {
			*ret_place = i;
			return true;
		}
	return false;
}

static int search_all(struct store_reader *reader, const struct store_series *series,
		      struct search *s, gint64 step_ms)
{
	int r = 0, code = SQLITE_DONE;
	g_autoptr(sqlite3_stmt) layouts = store_db_prepare(
		reader->db,
		"SELECT layout.id, columns, keys FROM layout JOIN shape ON shape.id = shape WHERE"
		" vm = ?",
		&r);

	if (!layouts)
		return r;
	sqlite3_bind_int64(layouts, 1, series->vm_row);
	while (r == 0 && (code = sqlite3_step(layouts)) == SQLITE_ROW) {
		const char *keys = (const char *)sqlite3_column_text(layouts, 2);

		s->layout = sqlite3_column_int64(layouts, 0);
		s->columns = (size_t)sqlite3_column_int64(layouts, 1);
		s->first_raw_ms = G_MAXINT64 / 2;
		if (s->columns <= CODEC_COLUMNS_MAX &&
		    place_of(keys, series->key, s->columns, &s->place))
			r = search_layout(s, step_ms);
	}
	return r ? r : result_of(reader, code);
}

int store_query(struct store_reader *reader, const struct store_series *series, gint64 since_ms,
		gint64 until_ms, gint64 step_ms, GArray **ret_points)
{
	struct search s = {
		.reader = reader,
		.since_ms = step_ms > 0 ? since_ms - since_ms % step_ms : since_ms,
		.until_ms = until_ms,
		.scale = series->scale,
		.points = g_array_new(FALSE, FALSE, sizeof(struct store_point)),
	};
	int r = store_db_exec(reader->db, "BEGIN");

	/* One transaction: the writer may turn head rows into a block meanwhile. */
	if (r == 0) {
		r = search_all(reader, series, &s, step_ms);
		store_db_exec(reader->db, "COMMIT");
	}
	if (r) {
		g_array_unref(s.points);
		return r;
	}
	g_array_sort(s.points, by_time);
	if (step_ms > 0)
		join_steps(s.points, step_ms);
	*ret_points = s.points;
	return 0;
}
