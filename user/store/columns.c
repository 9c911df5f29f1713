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
	return c->metric == metric &&
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
	g_free(columns->uuid);
	g_free(columns->name);
	g_free(columns);
}

void columns_begin(struct columns *columns)
{
	for (guint i = 0; i < columns->row->len; i++)
		g_array_index(columns->row, double, i) = NAN;
	columns->next = 0;
}

/* The labels of column and key are one reference, the key's. */
static gint append(struct columns *columns, const struct metric *metric,
		   const struct labels *labels)
{
	struct column column = {metric, NULL, 0};
	double absent = NAN;

	if (columns->column->len >= COLUMNS_MAX) {
		columns->refused++;
		return -1;
	}
	column.labels = labels_ref((struct labels *)labels);
	g_hash_table_insert(columns->index, g_memdup2(&column, sizeof(column)),
			    GUINT_TO_POINTER(columns->column->len));
	g_array_append_val(columns->column, column);
	g_array_append_val(columns->row, absent);
	columns->grown = true;
	return (gint)columns->column->len - 1;
}

static gint find(struct columns *columns, const struct metric *metric, const struct labels *labels)
{
	struct column key = {metric, (struct labels *)labels, 0};
	guint end = MIN(columns->next + LOOK_AHEAD, columns->column->len);
	gpointer place;

	for (guint i = columns->next; i < end; i++)
		if (same(&g_array_index(columns->column, struct column, i), metric, labels))
			return (gint)i;
	if (g_hash_table_lookup_extended(columns->index, &key, NULL, &place))
		return (gint)GPOINTER_TO_UINT(place);
	return append(columns, metric, labels);
}

double columns_number(const struct metric *metric, const struct metric_value *value)
{
	switch (metric->type) {
	case TYPE_NS:
		return floor((double)value->u64 / NS_PER_UNIT);
	case TYPE_DOUBLE:
		return codec_round(value->d);
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

static int store_series(struct columns *columns, sqlite3_stmt *put, struct column *column)
{
	g_autofree char *text = columns_label_text(column->labels);
	int r;

	sqlite3_bind_int64(put, 1, columns->vm);
	sqlite3_bind_text(put, 2, column->metric->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(put, 3, text, -1, SQLITE_STATIC);
	sqlite3_bind_double(put, 4, columns_scale(column->metric));
	r = sqlite3_step(put);
	if (r == SQLITE_ROW)
		column->series = sqlite3_column_int64(put, 0);
	if (r == SQLITE_ROW)
		return store_db_run(put);
	sqlite3_reset(put);
	return store_db_errno(r);
}

static int store_all_series(struct columns *columns, sqlite3 *db)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) put = store_db_prepare(
		db,
		"INSERT INTO series (vm, metric, labels, scale) VALUES (?, ?, ?, ?)"
		" ON CONFLICT (vm, metric, labels) DO UPDATE SET scale = excluded.scale RETURNING id",
		&r);

	for (guint i = 0; put && r == 0 && i < columns->column->len; i++) {
		struct column *column = &g_array_index(columns->column, struct column, i);

		if (!column->series)
			r = store_series(columns, put, column);
	}
	return r;
}

static int store_layout(struct columns *columns, sqlite3 *db)
{
	int r = 0;
	g_autoptr(sqlite3_stmt) put = store_db_prepare(
		db, "INSERT INTO layout_series (layout, pos, series) VALUES (?, ?, ?)", &r);
	g_autoptr(sqlite3_stmt) layout = NULL;

	if (put)
		layout = store_db_prepare(db, "INSERT INTO layout (vm, columns) VALUES (?, ?)", &r);
	if (!layout)
		return r;
	sqlite3_bind_int64(layout, 1, columns->vm);
	sqlite3_bind_int64(layout, 2, columns->column->len);
	r = store_db_run(layout);
	columns->layout = sqlite3_last_insert_rowid(db);
	for (guint i = 0; r == 0 && i < columns->column->len; i++) {
		sqlite3_bind_int64(put, 1, columns->layout);
		sqlite3_bind_int64(put, 2, i);
		sqlite3_bind_int64(put, 3, g_array_index(columns->column, struct column, i).series);
		r = store_db_run(put);
	}
	return r;
}

int columns_store(struct columns *columns, sqlite3 *db, gint64 wall_s)
{
	int r = store_vm(columns, db, wall_s);

	if (!r)
		r = store_all_series(columns, db);
	if (!r)
		r = store_layout(columns, db);
	if (!r)
		columns->grown = false;
	return r;
}

void columns_forget(struct columns *columns)
{
	columns->vm = columns->layout = 0;
	columns->grown = true;
	for (guint i = 0; i < columns->column->len; i++)
		g_array_index(columns->column, struct column, i).series = 0;
}
