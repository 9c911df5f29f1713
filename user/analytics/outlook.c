/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/outlook.h"

#include <glib.h>
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

/* What is left of a fall is no noise: of this many points, or this part of all it ranges over. */
#define DROP_POINTS 5.0
#define DROP_PART 0.3
/* Above what it came down from, in points, before its growth counts again. */
#define BEYOND_POINTS 2.0
/* The last part of the growth must be at least so quick, against all of it. */
#define STILL_PARTS 3
#define STILL_LEAST 0.5

/* The finite samples since the last time that it came down. */
struct climb {
	double *times, *values;
	size_t n, first; /* first: where the last climb begins */
	double peak; /* that it came down from, -INFINITY: it never did */
	unsigned drops; /* how often */
};

static double median3(const double *v, size_t i, size_t n)
{
	double a = v[i ? i - 1 : 0], b = v[i], c = v[i + 1 < n ? i + 1 : i];

	return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

static double drop_of(const struct climb *c)
{
	double low = INFINITY, high = -INFINITY;

	for (size_t i = 0; i < c->n; i++) {
		low = fmin(low, median3(c->values, i, c->n));
		high = fmax(high, median3(c->values, i, c->n));
	}
	return fmax(DROP_POINTS, DROP_PART * (high - low));
}

/* Where it came down, and from how high. */
static void find_drops(struct climb *c)
{
	double drop = c->n ? drop_of(c) : 0, top = -INFINITY, highest = -INFINITY;

	for (size_t i = 0; i < c->n; i++) {
		double v = median3(c->values, i, c->n);

		if (v <= top - drop) {
			c->peak = fmax(c->peak, highest);
			c->first = i;
			c->drops++;
			top = highest = v;
		}
		/* The fall may go on for a while. */
		if (c->first && v <= median3(c->values, c->first, c->n))
			c->first = i;
		top = fmax(top, v);
		highest = fmax(highest, c->values[i]);
	}
}

static void climb_init(struct climb *c, const struct outlook_past *past)
{
	*c = (struct climb){
		g_new(double, past->n + 1), g_new(double, past->n + 1), 0, 0, -INFINITY, 0};
	for (size_t i = 0; i < past->n; i++) {
		if (!isfinite(past->values[i]))
			continue;
		c->times[c->n] = past->times ? past->times[i] : (double)i;
		c->values[c->n++] = past->values[i];
	}
	find_drops(c);
}

static void climb_clear(struct climb *c)
{
	g_free(c->times);
	g_free(c->values);
}

/* Is its last part as steep as all of it, or may be? */
static bool still_climbs(const struct climb *c, const struct trend *trend)
{
	size_t n = (c->n - c->first) / STILL_PARTS, from = c->n - MAX(n, TREND_MIN);
	struct trend last;

	if (trend_fit(c->times + from, c->values + from, c->n - from, &last))
		return false;
	return last.slope > 0 && last.high >= STILL_LEAST * trend->slope;
}

/* peak: that it came down from in a longer past. */
static bool fills(const struct climb *c, double peak, struct growth *ret_growth)
{
	size_t n = c->n - c->first;
	struct growth g;
	double beyond, now = c->n ? median3(c->values, c->n - 1, c->n) : NAN;

	if (n < TREND_MIN || growth_fit(c->times + c->first, c->values + c->first, n, 100, &g) ||
	    !g.trend.significant || !(g.trend.low > 0) || !still_climbs(c, &g.trend))
		return false;
	/* An hour's mean hides what it grows in that hour. */
	beyond = fmax(BEYOND_POINTS, fmax(2 * g.trend.scatter, 3600 * g.trend.slope));
	if (!(now > fmax(peak, c->peak) + beyond))
		return false;
	/* Where the line of a curve ends is not where it is. */
	g.gap = fmax(g.gap, 100 - now - 2 * g.trend.scatter);
	*ret_growth = g;
	return true;
}

#define DAYS_MAX 36
#define DAY_HOURS_MIN 18 /* known of a day, or its peak may be missing */

/* The greatest of each day back from the last hour, oldest first; returns how many there are. */
static size_t daily_peaks(const struct climb *weeks, double *times, double *values, size_t max)
{
	double end = weeks->n ? weeks->times[weeks->n - 1] : 0;
	size_t n = 0;

	for (size_t day = max; day-- > 0;) {
		double from = end - (double)(day + 1) * DAY_S, top = -INFINITY;
		unsigned hours = 0;

		for (size_t i = 0; i < weeks->n; i++)
			if (weeks->times[i] > from && weeks->times[i] <= from + DAY_S) {
				top = fmax(top, weeks->values[i]);
				hours++;
			}
		if (hours < DAY_HOURS_MIN)
			continue;
		times[n] = from + DAY_S;
		values[n++] = top;
	}
	return n;
}

static bool peaks_fill(const struct climb *weeks, struct growth *ret_growth)
{
	double times[DAYS_MAX], values[DAYS_MAX];
	struct outlook_past peaks = {times, values, daily_peaks(weeks, times, values, DAYS_MAX)};
	struct climb days;
	bool r;

	/* Of what came down once or twice nobody knows how high it will come. */
	if (weeks->drops && weeks->drops < peaks.n / 2)
		return false;
	climb_init(&days, &peaks);
	r = fills(&days, -INFINITY, ret_growth);
	climb_clear(&days);
	return r;
}

bool outlook_full_of(const struct outlook_past *day, const struct outlook_past *weeks,
		     struct outlook_full *ret_full)
{
	struct outlook_full full = {NAN, NAN, 0, 0};
	struct climb fine, coarse;
	struct growth g;
	bool known;

	climb_init(&fine, day);
	climb_init(&coarse, weeks);
	known = fine.n >= FULL_MIN;
	if (known) {
		full.level = median3(fine.values, fine.n - 1, fine.n);
		if ((fine.n - fine.first >= FULL_MIN && fills(&fine, coarse.peak, &g)) ||
		    peaks_fill(&coarse, &g)) {
			double seconds = growth_time_to_full(&g, 0.5);

			full.seconds = isfinite(seconds) ? seconds : NAN;
			full.within_24h = growth_full_within(&g, DAY_S);
			full.within_72h = growth_full_within(&g, 3 * DAY_S);
		}
		*ret_full = full;
	}
	climb_clear(&fine);
	climb_clear(&coarse);
	return known;
}

bool outlook_full(const struct watch_state *state, struct outlook_full *ret_full)
{
	g_autofree double *buf = g_new(double, 2 * (WATCH_SHORT + WATCH_LONG));
	double *times = buf + WATCH_SHORT, *hours = times + WATCH_SHORT,
	       *hour_times = hours + WATCH_LONG;
	struct outlook_past day = {times, buf, copy(state, false, WATCH_SHORT, times, buf)};
	struct outlook_past weeks = {hour_times, hours,
				     copy(state, true, WATCH_LONG, hour_times, hours)};

	return outlook_full_of(&day, &weeks, ret_full);
}
