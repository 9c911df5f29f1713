/* SPDX-License-Identifier: Apache-2.0 */
#include "store/columns.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "store/codec.h"
#include "store/db.h"

#define NS_PER_UNIT 1000.0 /* durations are kept in whole microseconds */
/* How far ahead a value is looked for before the index is asked. */
#define LOOK_AHEAD 4

static guint key_hash(gconstpointer key)
{
	const struct column *c = key;

	return g_direct_hash(c->metric) ^ g_str_hash(c->labels->text);
}

static gboolean same(const struct column *c, const struct metric *metric,
		     const struct labels *labels)
{
	return c->metric == metric && c->labels &&
	       (c->labels == labels ||
		(c->labels->text_len == labels->text_len &&
		 memcmp(c->labels->text, labels->text, labels->text_len) == 0));
}

static gboolean key_equal(gconstpointer left, gconstpointer right)
{
	const struct column *b = right;

	return same(left, b->metric, b->labels);
}

static void key_free(gpointer key)
{
	labels_unref(((struct column *)key)->labels);
	g_free(key);
}

struct columns *columns_new(const char *uuid, const char *name)
{
	struct columns *columns = g_new0(struct columns, 1);

	columns->uuid = g_strdup(uuid);
	columns->name = g_strdup(name);
	columns->column = g_array_new(FALSE, TRUE, sizeof(struct column));
	columns->row = g_array_new(FALSE, FALSE, sizeof(double));
	columns->index = g_hash_table_new_full(key_hash, key_equal, key_free, NULL);
	return columns;
}

void columns_free(struct columns *columns)
{
	if (!columns)
		return;
	g_hash_table_unref(columns->index);
	g_array_unref(columns->column);
	g_array_unref(columns->row);
	g_clear_pointer(&columns->resumed, g_hash_table_unref);
	g_free(columns->uuid);
	g_free(columns->name);
	g_free(columns);
}

void columns_begin(struct columns *columns, guint64 tick)
{
	for (guint i = 0; i < columns->row->len; i++)
		g_array_index(columns->row, double, i) = NAN;
	columns->next = 0;
	columns->seen = tick;
}

static char *resume_key(const char *metric, const char *labels)
{
	return g_strconcat(metric, " ", labels, NULL);
}

/* The place that a former run's list has for it; -1: none. */
static gint resumed_place(struct columns *columns, const struct metric *metric,
			  const struct labels *labels)
{
	g_autofree char *text = NULL, *key = NULL;
	gpointer place;

	if (!columns->resumed)
		return -1;
	text = columns_label_text(labels);
	key = resume_key(metric->name, text);
	if (!g_hash_table_lookup_extended(columns->resumed, key, NULL, &place))
		return -1;
	g_hash_table_remove(columns->resumed, key);
	return (gint)GPOINTER_TO_UINT(place);
}

static void append_slot(struct columns *columns, const struct column *column)
{
	double absent = NAN;

	g_array_append_val(columns->column, *column);
	g_array_append_val(columns->row, absent);
}

/* The labels of column and key are one reference, the key's. */
static gint append(struct columns *columns, const struct metric *metric,
		   const struct labels *labels)
{
	gint place = resumed_place(columns, metric, labels);
	struct column column = {.metric = metric}, *slot;

	if (place < 0 && columns->column->len >= COLUMNS_MAX) {
		columns->refused++;
		return -1;
	}
	if (place < 0) {
		append_slot(columns, &column);
		place = (gint)columns->column->len - 1;
		columns->grown = true;
	}
	column.labels = labels_ref((struct labels *)labels);
	slot = &g_array_index(columns->column, struct column, place);
	slot->metric = metric;
	slot->labels = column.labels;
	g_hash_table_insert(columns->index, g_memdup2(&column, sizeof(column)),
			    GINT_TO_POINTER(place));
	return place;
}

void columns_trim(struct columns *columns, guint64 since_tick)
{
	GArray *old = columns->column;
	guint used = 0;

	for (guint i = 0; i < old->len; i++)
		used += g_array_index(old, struct column, i).seen >= since_tick;
	g_clear_pointer(&columns->resumed, g_hash_table_unref);
	if (used * 2 >= old->len)
		return;
	columns->column = g_array_new(FALSE, TRUE, sizeof(struct column));
	g_array_set_size(columns->row, 0);
	for (guint i = 0; i < old->len; i++) {
		const struct column *c = &g_array_index(old, struct column, i);

		if (c->seen >= since_tick) {
			g_hash_table_insert(columns->index, g_memdup2(c, sizeof(*c)),
					    GUINT_TO_POINTER(columns->column->len));
			labels_ref(c->labels);
			append_slot(columns, c);
		} else if (c->labels) {
			g_hash_table_remove(columns->index, c);
		}
	}
	g_array_unref(old);
	columns->grown = true;
}

static gint find(struct columns *columns, const struct metric *metric, const struct labels *labels)
{
	struct column key = {.metric = metric, .labels = (struct labels *)labels};
	guint end = MIN(columns->next + LOOK_AHEAD, columns->column->len);
	gpointer place;

	for (guint i = columns->next; i < end; i++)
		if (same(&g_array_index(columns->column, struct column, i), metric, labels))
			return (gint)i;
	if (g_hash_table_lookup_extended(columns->index, &key, NULL, &place))
		return (gint)GPOINTER_TO_UINT(place);
	return append(columns, metric, labels);
}

bool columns_is_time(const struct metric *metric)
{
	return metric->type == TYPE_DOUBLE &&
	       (strcmp(metric->unit, "seconds") == 0 || strcmp(metric->unit, "s") == 0);
}

double columns_number(const struct metric *metric, const struct metric_value *value)
{
	switch (metric->type) {
	case TYPE_NS:
		return floor((double)value->u64 / NS_PER_UNIT);
	case TYPE_DOUBLE:
		return columns_is_time(metric) ? codec_round_time(value->d) : codec_round(value->d);
	default:
		return (double)value->u64;
	}
}

double columns_scale(const struct metric *metric)
{
	return metric->type == TYPE_NS ? NS_PER_UNIT / 1e9 : 1;
}

void columns_set(struct columns *columns, const struct metric *metric, const struct labels *labels,
		 const struct metric_value *value)
{
	gint at = find(columns, metric, labels);

	if (at < 0)
		return;
	g_array_index(columns->row, double, at) = columns_number(metric, value);
	g_array_index(columns->column, struct column, at).seen = columns->seen;
	columns->next = (guint)at + 1;
}

static void append_escaped(GString *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *value);
	}
}

char *columns_label_text(const struct labels *labels)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < labels->n; i++) {
		const struct kvmlens_tag *tag = &labels->kv[i];

		if (strcmp(tag->key, "vm") == 0 || strcmp(tag->key, "uuid") == 0)
			continue;
		g_string_append_printf(text, "%s%s=\"", text->len ? "," : "", tag->key);
		append_escaped(text, tag->value);
		g_string_append_c(text, '"');
	}
	return g_string_free(text, FALSE);
}

static int store_vm(struct columns *columns, sqlite3 *db, gint64 wall_s)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) put = store_db_prepare(
		db,
		"INSERT INTO vm (uuid, name, seen) VALUES (?, ?, ?) ON CONFLICT (uuid) DO UPDATE"
		" SET name = excluded.name, seen = excluded.seen RETURNING id",
		&r);

	if (!put)
		return r;
	sqlite3_bind_text(put, 1, columns->uuid, -1, SQLITE_STATIC);
	sqlite3_bind_text(put, 2, columns->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(put, 3, wall_s);
	r = sqlite3_step(put);
	if (r != SQLITE_ROW)
		return store_db_errno(r);
	columns->vm = sqlite3_column_int64(put, 0);
	return store_db_run(put);
}

static int store_key(sqlite3_stmt *put, struct column *column)
{
	g_autofree char *text = columns_label_text(column->labels);
	int r;

	sqlite3_bind_text(put, 1, column->metric->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(put, 2, text, -1, SQLITE_STATIC);
	sqlite3_bind_double(put, 3, columns_scale(column->metric));
	r = sqlite3_step(put);
	if (r == SQLITE_ROW)
		column->key = sqlite3_column_int64(put, 0);
	if (r == SQLITE_ROW)
		return store_db_run(put);
	sqlite3_reset(put);
	return store_db_errno(r);
}

static int store_keys(struct columns *columns, sqlite3 *db)
{
	int r = 0;
	/* An update that changes nothing, for its row's number. */
	g_autoptr(sqlite3_stmt) put = store_db_prepare(
		db,
		"INSERT INTO key (metric, labels, scale) VALUES (?, ?, ?)"
		" ON CONFLICT (metric, labels, scale) DO UPDATE SET scale = excluded.scale"
		" RETURNING id",
		&r);

	for (guint i = 0; put && r == 0 && i < columns->column->len; i++) {
		struct column *column = &g_array_index(columns->column, struct column, i);

		if (!column->key)
			r = store_key(put, column);
	}
	return r;
}

/* One number for a text or a pair, made where it is missing. */
static int number_of(sqlite3 *db, const char *find, const char *insert, const char *text,
		     gint64 one, gint64 two, gint64 *ret_id)
{
	const char *const sql[] = {find, insert};

	for (unsigned i = 0; i < G_N_ELEMENTS(sql); i++) {
		int r = 0;
		g_autoptr(sqlite3_stmt) s = store_db_prepare(db, sql[i], &r);

		if (!s)
			return r;
		if (text) {
			sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC);
		} else {
			sqlite3_bind_int64(s, 1, one);
			sqlite3_bind_int64(s, 2, two);
		}
		r = sqlite3_step(s);
		if (r == SQLITE_ROW) {
			*ret_id = sqlite3_column_int64(s, 0);
			return 0;
		}
		if (r != SQLITE_DONE)
			return store_db_errno(r);
	}
	*ret_id = sqlite3_last_insert_rowid(db);
	return 0;
}

char *shape_text(const gint64 *keys, size_t n)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && keys[end] == keys[end - 1] + 1; end++)
			;
		g_string_append_printf(text, "%s%" G_GINT64_FORMAT, i ? "," : "", keys[i]);
		if (end > i + 1)
			g_string_append_printf(text, "-%" G_GINT64_FORMAT, keys[end - 1]);
	}
	return g_string_free(text, FALSE);
}

GArray *shape_keys(const char *text)
{
	GArray *keys = g_array_new(FALSE, FALSE, sizeof(gint64));

	for (const char *p = text; p && g_ascii_isdigit(*p);) {
		char *end;
		gint64 first = g_ascii_strtoll(p, &end, 10), last = first;

		if (*end == '-')
			last = g_ascii_strtoll(end + 1, &end, 10);
		for (gint64 key = first; key <= last && keys->len < COLUMNS_MAX; key++)
			g_array_append_val(keys, key);
		p = *end == ',' ? end + 1 : end;
	}
	return keys;
}

static int store_layout(struct columns *columns, sqlite3 *db)
{
	g_autofree gint64 *keys = g_new(gint64, columns->column->len + 1);
	g_autofree char *text = NULL;
	gint64 shape;
	int r;

	for (guint i = 0; i < columns->column->len; i++)
		keys[i] = g_array_index(columns->column, struct column, i).key;
	text = shape_text(keys, columns->column->len);
	r = number_of(db, "SELECT id FROM shape WHERE keys = ?",
		      "INSERT INTO shape (keys) VALUES (?)", text, 0, 0, &shape);
	if (r)
		return r;
	r = number_of(db,
		      "SELECT max(id) FROM layout WHERE vm = ? AND shape = ? HAVING max(id) > 0",
		      "INSERT INTO layout (vm, shape, columns) VALUES (?, ?, 0)", NULL, columns->vm,
		      shape, &columns->layout);
	if (r == 0) {
		g_autofree char *sql = g_strdup_printf(
			"UPDATE layout SET columns = %u WHERE id = %" G_GINT64_FORMAT
			" AND columns = 0",
			columns->column->len, columns->layout);

		r = store_db_exec(db, sql);
	}
	return r;
}

int columns_store(struct columns *columns, sqlite3 *db, gint64 wall_s)
{
	int r = store_vm(columns, db, wall_s);

	if (!r)
		r = store_keys(columns, db);
	if (!r)
		r = store_layout(columns, db);
	if (!r)
		columns->grown = false;
	return r;
}

/* A slot for each key of the shape, in its order; -EBADMSG: one is missing. */
static int resume_keys(struct columns *columns, sqlite3 *db, const char *keys)
{
	g_autoptr(GArray) list = shape_keys(keys);
	int r = 0;
	g_autoptr(sqlite3_stmt) get =
		store_db_prepare(db, "SELECT metric, labels FROM key WHERE id = ?", &r);

	columns->resumed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; get && r == 0 && i < list->len; i++) {
		struct column column = {.key = g_array_index(list, gint64, i)};

		sqlite3_bind_int64(get, 1, column.key);
		r = sqlite3_step(get);
		if (r == SQLITE_ROW) {
			g_hash_table_replace(columns->resumed,
					     resume_key((const char *)sqlite3_column_text(get, 0),
							(const char *)sqlite3_column_text(get, 1)),
					     GUINT_TO_POINTER(i));
			append_slot(columns, &column);
		}
		r = r == SQLITE_ROW ? 0 : r == SQLITE_DONE ? -EBADMSG : store_db_errno(r);
		sqlite3_reset(get);
	}
	return r;
}

int columns_resume(struct columns *columns, sqlite3 *db, gint64 since_s)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) find = store_db_prepare(
		db,
		"SELECT vm.id, layout.id, keys FROM vm JOIN layout ON layout.vm = vm.id JOIN shape"
		" ON shape.id = shape WHERE uuid = ? AND name = ? AND seen >= ?"
		" ORDER BY layout.id DESC LIMIT 1",
		&r);

	if (!find)
		return r;
	sqlite3_bind_text(find, 1, columns->uuid, -1, SQLITE_STATIC);
	sqlite3_bind_text(find, 2, columns->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(find, 3, since_s);
	r = sqlite3_step(find);
	if (r != SQLITE_ROW)
		return store_db_errno(r);
	r = resume_keys(columns, db, (const char *)sqlite3_column_text(find, 2));
	if (r) {
		g_array_set_size(columns->column, 0);
		g_array_set_size(columns->row, 0);
		g_clear_pointer(&columns->resumed, g_hash_table_unref);
		return r;
	}
	columns->vm = sqlite3_column_int64(find, 0);
	columns->layout = sqlite3_column_int64(find, 1);
	return 0;
}

/* What has no value yet has no metric that a key could be written of. */
static void drop_resumed(struct columns *columns)
{
	bool any = columns->resumed && g_hash_table_size(columns->resumed);

	g_clear_pointer(&columns->resumed, g_hash_table_unref);
	if (!any)
		return;
	g_hash_table_remove_all(columns->index);
	g_array_set_size(columns->column, 0);
	g_array_set_size(columns->row, 0);
}

void columns_forget(struct columns *columns)
{
	drop_resumed(columns);
	columns->vm = columns->layout = 0;
	columns->grown = true;
	for (guint i = 0; i < columns->column->len; i++)
		g_array_index(columns->column, struct column, i).key = 0;
}
