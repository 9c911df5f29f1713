// SPDX-License-Identifier: Apache-2.0
/* What is to come: full, more or less, and the size that would fit. */
#include <math.h>
#include "analytics/capacity.h"
#include "analytics/outlook.h"
#include "analytics/forecast.h"
#include "cli/insights_private.h"
#include "why/evidence.h"

#define FORECAST_LEAST 48

/* By the same function as vm.time_to_full_seconds. */
static void say_full_of(struct insights *in, const struct store_series *series, const char *metric)
{
	g_autofree double *times = grid_times(&in->day), *hours = grid_times(&in->long_past);
	g_autofree double *used = grid_load(in->reader, series, &in->day, 24);
	g_autofree double *past = grid_load(in->reader, series, &in->long_past, 1);
	g_autofree char *mount = evidence_label(series->labels, "mount");
	struct outlook_full full;
	double days;

	if (!used || !past ||
	    !outlook_full_of(&(struct outlook_past){times, used, in->day.n},
			     &(struct outlook_past){hours, past, in->long_past.n}, &full) ||
	    isnan(full.seconds))
		return;
	days = full.seconds / 86400;
	insight_say(in, "full", "%s%s%s: %.0f %% now, full in %.1f %s; within 3 days with %.0f %%",
		    metric, mount ? " of " : "", mount ? mount : "", full.level,
		    days < 2 ? days * 24 : days, days < 2 ? "hours" : "days",
		    100 * full.within_72h);
}

static void say_full(struct insights *in, const struct store_series *vm, const char *metric)
{
	g_autoptr(GPtrArray) series = NULL;

	if (store_find(in->reader, vm->uuid, metric, NULL, &series))
		return;
	for (guint i = 0; i < series->len; i++)
		say_full_of(in, g_ptr_array_index(series, i), metric);
}

static void say_trend(struct insights *in, const struct store_series *vm, const char *metric)
{
	g_autofree double *times = grid_times(&in->day);
	g_autofree double *values = grid_load_one(in->reader, vm->uuid, metric, NULL, &in->day, 36);
	struct trend trend;

	if (values && trend_fit(times, values, in->day.n, &trend) == 0 && trend.significant)
		insight_say(in, "trend", "%s: %.4g now, %+.3g an hour over the last day", metric,
			    trend.level, trend.slope * 3600);
}

static void say_forecast(struct insights *in, const struct store_series *vm, const char *metric)
{
	const struct forecast_options options = {{{24, 168}, 2}, 24};
	struct forecast_point points[24], peak;
	g_autofree double *values =
		grid_load_one(in->reader, vm->uuid, metric, NULL, &in->long_past, FORECAST_LEAST);
	size_t first = 0;
	unsigned at = 0;

	/* What lies before the first value is not a gap. */
	while (values && first < in->long_past.n && isnan(values[first]))
		first++;
	if (!values || !forecast_fill(values + first, in->long_past.n - first) ||
	    forecast_run(values + first, in->long_past.n - first, &options, points))
		return;
	for (unsigned h = 1; h < 24; h++)
		if (points[h].mean > points[at].mean)
			at = h;
	peak = points[at];
	insight_say(in, "forecast", "%s: at most %.4g in %u h (95 %%: %.4g to %.4g)", metric,
		    peak.mean, at + 1, peak.low95, peak.high95);
}

void insight_size(struct insights *in, const struct store_series *vm)
{
	const char *uuid = vm->uuid;
	g_autofree double *use = grid_load(in->reader, vm, &in->day, 60);
	g_autofree double *ready =
		grid_load_one(in->reader, uuid, "vm.cpu.ready_time", NULL, &in->day, 60);
	g_autofree double *vcpus =
		grid_load_one(in->reader, uuid, "vm.cpu.vcpus", NULL, &in->day, 1);
	g_autofree double *used =
		grid_load_one(in->reader, uuid, "vm.memory.used", NULL, &in->day, 60);
	g_autofree double *total =
		grid_load_one(in->reader, uuid, "vm.memory.total", NULL, &in->day, 1);
	struct sizing sizing;
	char text[256];

	if (use && vcpus && forecast_fill(vcpus, in->day.n) &&
	    sizing_vcpus((unsigned)vcpus[in->day.n - 1], use, ready, in->day.n, &sizing) == 0) {
		sizing_explain(&sizing, false, text, sizeof(text));
		insight_say(in, "size", "%s", text);
	}
	if (used && total && forecast_fill(total, in->day.n) &&
	    sizing_memory(total[in->day.n - 1], used, in->day.n, &sizing) == 0) {
		sizing_explain(&sizing, true, text, sizeof(text));
		insight_say(in, "size", "%s", text);
	}
}

void insight_full(struct insights *in, const struct store_series *vm)
{
	say_full(in, vm, "vm.memory.usage_percent");
	say_full(in, vm, "vm.disk.usage_percent");
}

void insight_outlook(struct insights *in, const struct store_series *vm)
{
	say_trend(in, vm, "vm.cpu.usage");
	say_forecast(in, vm, "vm.cpu.usage");
}
