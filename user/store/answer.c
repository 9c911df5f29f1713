/* SPDX-License-Identifier: Apache-2.0 */
#include "store/answer.h"

#include "metric/metric.h"

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
