/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/outlook.h"

#include <math.h>
#include "analytics/capacity.h"

#define FULL_MIN 24 /* means of five minutes */
#define FORECAST_MIN 48 /* hours */
#define DAY_S 86400.0

struct window {
	const char *name;
	size_t samples, least;
	bool of_hours;
};

static const struct window windows[OUTLOOK_WINDOWS] = {
	[OUTLOOK_HOUR] = {"1h", 12, 12, false},
	[OUTLOOK_DAY] = {"24h", 288, 144, false},
	[OUTLOOK_WEEK] = {"7d", 168, 84, true},
};

const char *outlook_window_name(enum outlook_window window)
{
	return windows[window].name;
}

static size_t copy(const struct watch_state *s, bool of_hours, size_t max, double *times,
		   double *values)
{
	if (of_hours)
		return ring_copy(&s->long_ring, s->long_value, WATCH_LONG, WATCH_LONG_S, max, times,
				 values);
	return ring_copy(&s->short_ring, s->short_value, WATCH_SHORT, WATCH_SHORT_S, max, times,
			 values);
}

bool outlook_trend(const struct watch_state *state, enum outlook_window window,
		   struct trend *ret_trend)
{
	const struct window *w = &windows[window];
	double times[WATCH_SHORT], values[WATCH_SHORT];
	size_t n = copy(state, w->of_hours, w->samples, times, values);

	return n >= w->least && trend_fit(times, values, n, ret_trend) == 0;
}

bool outlook_forecast(const struct watch_state *state, struct outlook_day *ret_day)
{
	const struct forecast_options options = {{{24, 168}, 2}, OUTLOOK_HOURS};
	struct forecast_point points[OUTLOOK_HOURS];
	struct outlook_day day = {0};
	double values[WATCH_LONG];
	size_t n = copy(state, true, WATCH_LONG, NULL, values);

	if (n < FORECAST_MIN || !forecast_fill(values, n) ||
	    forecast_run(values, n, &options, points))
		return false;
	day.peak = points[0];
	for (unsigned h = 0; h < OUTLOOK_HOURS; h++) {
		day.mean += points[h].mean / OUTLOOK_HOURS;
		if (points[h].mean > day.peak.mean)
			day.peak = points[h];
	}
	*ret_day = day;
	return true;
}

bool outlook_full(const struct watch_state *state, struct outlook_full *ret_full)
{
	double times[WATCH_SHORT], values[WATCH_SHORT], seconds;
	size_t n = copy(state, false, WATCH_SHORT, times, values);
	struct growth growth;

	if (n < FULL_MIN || growth_fit(times, values, n, 100, &growth))
		return false;
	seconds = growth_time_to_full(&growth, 0.5);
	*ret_full = (struct outlook_full){isfinite(seconds) ? seconds : NAN,
					  growth_full_within(&growth, DAY_S),
					  growth_full_within(&growth, 3 * DAY_S)};
	return true;
}
