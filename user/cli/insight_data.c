// SPDX-License-Identifier: Apache-2.0
#include "cli/insight_data.h"

#include <math.h>

struct grid grid_before(int64_t now_ms, int64_t step_ms, size_t n)
{
	int64_t end = now_ms - now_ms % step_ms;

	return (struct grid){end - step_ms * (int64_t)n, step_ms, n};
}

double *grid_load(struct store_reader *reader, const struct store_series *series,
		  const struct grid *grid, size_t least)
{
	int64_t end = grid->since_ms + grid->step_ms * (int64_t)grid->n;
	g_autoptr(GArray) points = NULL;
	g_autofree double *values = NULL;
	size_t known = 0;

	if (store_query(reader, series, grid->since_ms, end - 1, grid->step_ms, &points))
		return NULL;
	values = g_new(double, grid->n);
	for (size_t i = 0; i < grid->n; i++)
		values[i] = NAN;
	for (guint i = 0; i < points->len; i++) {
		const struct store_point *p = &g_array_index(points, struct store_point, i);
		int64_t at = (p->time_ms - grid->since_ms) / grid->step_ms;

		if (at < 0 || (size_t)at >= grid->n)
			continue;
		values[at] = p->mean;
		known++;
	}
	return known >= least ? g_steal_pointer(&values) : NULL;
}

double *grid_load_one(struct store_reader *reader, const char *uuid, const char *metric,
		      const char *labels, const struct grid *grid, size_t least)
{
	g_autoptr(GPtrArray) series = NULL;

	if (store_find(reader, uuid, metric, labels, &series) || !series->len)
		return NULL;
	return grid_load(reader, g_ptr_array_index(series, 0), grid, least);
}

double *grid_times(const struct grid *grid)
{
	double *times = g_new(double, grid->n);

	for (size_t i = 0; i < grid->n; i++)
		times[i] =
			(double)(grid->since_ms + grid->step_ms * (int64_t)i + grid->step_ms / 2) /
			1000;
	return times;
}
