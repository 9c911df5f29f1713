/* SPDX-License-Identifier: Apache-2.0 */
#include "store/answer.h"

#include <errno.h>
#include <string.h>
#include "metric/metric.h"

/* Values of one series before they are joined: 40 bytes each. */
#define POINTS_HELD 1000000

static json_t *point_json(const struct store_point *p)
{
	if (p->count <= 1)
		return json_pack("[I,f]", (json_int_t)p->time_ms, p->mean);
	return json_pack("[I,f,f,f,I]", (json_int_t)p->time_ms, p->mean, p->min, p->max,
			 (json_int_t)p->count);
}

json_t *answer_series(const struct store_series *series, const GArray *points)
{
	const struct metric *metric = metric_find(series->metric);
	json_t *list = json_array();

	for (guint i = 0; i < points->len; i++)
		json_array_append_new(list,
				      point_json(&g_array_index(points, struct store_point, i)));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "vm", series->vm, "uuid", series->uuid,
			 "metric", series->metric, "unit", metric ? metric->unit : "", "labels",
			 series->labels, "points", list);
}

static void reader_close(struct store_reader **reader)
{
	store_reader_close(*reader);
}

/* A name that a client gives is no pattern. */
static char *literal(const char *name)
{
	GString *text = g_string_new(NULL);

	for (; *name; name++) {
		if (strchr("*?[]\\", *name))
			g_string_append_c(text, '\\');
		g_string_append_c(text, *name);
	}
	return g_string_free(text, FALSE);
}

static int find(struct store_reader *reader, const struct answer_request *q, GPtrArray **ret_series)
{
	g_autofree char *vm = literal(q->vm);
	int r;

	if (!metric_find(q->metric))
		return -ENOENT;
	if (strcmp(q->vm, "host") == 0)
		r = store_find(reader, "", q->metric, NULL, ret_series);
	else
		r = store_find(reader, *vm ? vm : NULL, q->metric, NULL, ret_series);
	if (r)
		return r;
	r = !(*ret_series)->len ? -ENOENT : (*ret_series)->len > ANSWER_SERIES ? -E2BIG : 0;
	if (r)
		g_clear_pointer(ret_series, g_ptr_array_unref);
	return r;
}

static int dump(const char *text, size_t n, void *out)
{
	textbuf_append_len(out, text, n);
	return 0;
}

/* One series of many is written before the next is read. */
static int render(struct store_reader *reader, const struct answer_request *q,
		  const GPtrArray *series, struct textbuf *out)
{
	guint points_left = ANSWER_POINTS;
	bool first = true;

	for (guint i = 0; i < series->len; i++) {
		const struct store_series *s = g_ptr_array_index(series, i);
		g_autoptr(GArray) points = NULL;
		json_auto_t *object = NULL;
		int r = store_query(reader, s, q->since_ms, q->until_ms, q->step_ms, &points);

		if (r)
			return r;
		if (points->len > points_left)
			return -E2BIG;
		points_left -= points->len;
		if (!points->len)
			continue;
		textbuf_append(out, first ? "[" : ",");
		first = false;
		object = answer_series(s, points);
		if (!object || json_dump_callback(object, dump, out, JSON_COMPACT))
			return -ENOMEM;
	}
	textbuf_append(out, first ? "[]\n" : "]\n");
	return 0;
}

int answer_render(const char *path, const struct answer_request *request, struct textbuf *out)
{
	__attribute__((cleanup(reader_close))) struct store_reader *reader = NULL;
	g_autoptr(GPtrArray) series = NULL;
	int r = store_reader_open(path, &reader);

	if (r)
		return r;
	store_reader_limit(reader, ANSWER_MS, POINTS_HELD);
	r = find(reader, request, &series);
	return r ? r : render(reader, request, series, out);
}
