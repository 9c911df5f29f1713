/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/forecast.h"

#include <errno.h>
#include <glib.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <string.h>
#include "analytics/candidate.h"

/* Forecasts of the past: the last ones weigh the candidates, all of them make the intervals. */
#define WEIGH_ORIGINS 3
#define ORIGINS_MAX 10
#define WEIGHT_POWER 4.0
/* Intervals widen by this: the weights have seen the errors that they are made from. */
#define WIDEN 1.35
/* Logarithms only where the least value is this part of the greatest. */
#define LOG_RATIO 1e-3

struct work {
	struct forecast_input input;
	struct candidate candidate[CANDIDATES_MAX];
	double weight[CANDIDATES_MAX];
	unsigned n_candidates;
	unsigned horizon; /* of a forecast of the past */
	size_t origin[ORIGINS_MAX]; /* newest first */
	unsigned n_origins;
	double low, high; /* what a forecast may reach */
	double *past; /* [candidate][origin][horizon] */
};

static void work_clear(struct work *w)
{
	g_free((double *)w->input.log_y);
	g_free(w->past);
}

typedef struct work work;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(work, work_clear)

static bool valid(const double *y, size_t n, const struct forecast_options *options)
{
	if (n < FORECAST_SAMPLES_MIN || n > FORECAST_SAMPLES_MAX || !options->horizon ||
	    options->horizon > FORECAST_HORIZON_MAX || options->seasons.n > FORECAST_SEASONS)
		return false;
	for (unsigned k = 0; k < options->seasons.n; k++)
		if (options->seasons.length[k] < 2 ||
		    options->seasons.length[k] > FORECAST_SEASON_MAX ||
		    (k && options->seasons.length[k] <= options->seasons.length[k - 1]))
			return false;
	for (size_t i = 0; i < n; i++)
		if (!isfinite(y[i]) || fabs(y[i]) > 1e100)
			return false;
	return true;
}

/* A season counts from two whole cycles on. */
static void set_seasons(struct work *w, const struct seasons *seasons)
{
	for (unsigned k = 0; k < seasons->n; k++)
		if (w->input.n > 2 * (size_t)seasons->length[k])
			w->input.seasons.length[w->input.seasons.n++] = seasons->length[k];
}

static void set_logs(struct work *w, double least, double most)
{
	double *logs;

	if (least <= 0 || least < LOG_RATIO * most)
		return;
	logs = g_new(double, w->input.n);
	for (size_t i = 0; i < w->input.n; i++)
		logs[i] = log(w->input.y[i]);
	w->input.log_y = logs;
}

static void set_limits(struct work *w)
{
	double least, most;

	gsl_stats_minmax(&least, &most, w->input.y, 1, w->input.n);
	w->low = least - (most - least);
	w->high = most + (most - least);
	if (least >= 0)
		w->low = fmax(w->low, 0);
	set_logs(w, least, most);
}

/* Where forecasts of the past begin: a day (a season, else half a horizon) apart. */
static void set_origins(struct work *w, unsigned horizon)
{
	size_t n = w->input.n, least = n / 2, stride;

	w->horizon = (unsigned)MAX(MIN((size_t)horizon, n / 4), 1);
	if (w->input.seasons.n)
		least = MIN(MAX(least, smoothing_need(&w->input.seasons)), n - w->horizon);
	stride = w->input.seasons.n ? w->input.seasons.length[0] : MAX(w->horizon / 2, 1);
	for (size_t back = w->horizon; n - back >= least && n - back >= 2; back += stride) {
		w->origin[w->n_origins++] = n - back;
		if (w->n_origins == ORIGINS_MAX || back + stride > n)
			break;
	}
}

static void predict(const struct work *w, unsigned c, size_t n, unsigned horizon, double *ret)
{
	const struct candidate *candidate = &w->candidate[c];

	candidate->ops->predict(candidate, &w->input, n, horizon, ret);
	for (unsigned h = 0; h < horizon; h++)
		ret[h] = isfinite(ret[h]) ? fmin(fmax(ret[h], w->low), w->high) : w->input.y[n - 1];
}

static double *past(const struct work *w, unsigned c, unsigned o)
{
	return &w->past[((size_t)c * ORIGINS_MAX + o) * w->horizon];
}

static double past_error(const struct work *w, unsigned c)
{
	unsigned origins = MIN(w->n_origins, WEIGH_ORIGINS);
	double sum = 0;

	for (unsigned o = 0; o < origins; o++)
		for (unsigned h = 0; h < w->horizon; h++)
			sum += fabs(past(w, c, o)[h] - w->input.y[w->origin[o] + h]);
	return sum / (origins * w->horizon);
}

/* Weight each candidate by its past errors. */
static void weigh(struct work *w)
{
	double error[CANDIDATES_MAX], least = INFINITY, sum = 0;

	for (unsigned c = 0; c < w->n_candidates; c++) {
		for (unsigned o = 0; o < w->n_origins; o++)
			predict(w, c, w->origin[o], w->horizon, past(w, c, o));
		error[c] = past_error(w, c);
		least = fmin(least, error[c]);
	}
	for (unsigned c = 0; c < w->n_candidates; c++) {
		w->weight[c] = least > 0 ? pow(least / error[c], WEIGHT_POWER) : error[c] <= 0;
		sum += w->weight[c];
	}
	for (unsigned c = 0; c < w->n_candidates; c++)
		w->weight[c] /= sum;
}

/* The joint forecast's error, of a past origin. */
static double joint_error(const struct work *w, unsigned o, unsigned h)
{
	double value = 0;

	for (unsigned c = 0; c < w->n_candidates; c++)
		value += w->weight[c] * past(w, c, o)[h];
	return w->input.y[w->origin[o] + h] - value;
}

/* Root mean square of the errors up to a quarter horizon around h, never falling with h. */
static void error_growth(const struct work *w, const double *error, double *ret_growth)
{
	unsigned around = w->horizon / 4;

	for (unsigned h = 0; h < w->horizon; h++) {
		unsigned from = h > around ? h - around : 0;
		unsigned to = MIN(h + around, w->horizon - 1);
		double sum = 0;

		for (unsigned i = from; i <= to; i++)
			for (unsigned o = 0; o < w->n_origins; o++)
				sum += pow(error[o * w->horizon + i], 2);
		ret_growth[h] = sqrt(sum / ((to - from + 1) * w->n_origins));
		if (h)
			ret_growth[h] = fmax(ret_growth[h], ret_growth[h - 1]);
	}
}

/* Beyond what was tried, errors grow like those of a random walk. */
static double growth_at(const double *growth, unsigned n, unsigned h)
{
	return h < n ? growth[h] : growth[n - 1] * sqrt((h + 1.0) / n);
}

static void set_interval(struct forecast_point *p, double growth, const double *scaled, size_t n,
			 double floor)
{
	static const double q[] = {0.025, 0.1, 0.9, 0.975};
	double edge[4];

	for (unsigned i = 0; i < 4; i++) {
		double z = gsl_stats_quantile_from_sorted_data(scaled, 1, n, q[i]);

		/* An interval holds its own forecast, however one-sided the errors were. */
		z = i < 2 ? fmin(z, 0) : fmax(z, 0);
		edge[i] = fmax(p->mean + WIDEN * z * growth, floor);
	}
	p->low95 = edge[0];
	p->low80 = edge[1];
	p->high80 = edge[2];
	p->high95 = edge[3];
}

static void intervals(const struct work *w, unsigned horizon, struct forecast_point *points)
{
	size_t n = (size_t)w->n_origins * w->horizon;
	g_autofree double *error = g_new(double, n);
	g_autofree double *growth = g_new(double, w->horizon);
	double floor = w->low >= 0 ? 0 : -INFINITY;

	for (unsigned o = 0; o < w->n_origins; o++)
		for (unsigned h = 0; h < w->horizon; h++)
			error[o * w->horizon + h] = joint_error(w, o, h);
	error_growth(w, error, growth);
	for (size_t i = 0; i < n; i++)
		error[i] = growth[i % w->horizon] > 0 ? error[i] / growth[i % w->horizon] : 0;
	gsl_sort(error, 1, n);
	for (unsigned h = 0; h < horizon; h++)
		set_interval(&points[h], growth_at(growth, w->horizon, h), error, n, floor);
}

int forecast_run(const double *y, size_t n, const struct forecast_options *options,
		 struct forecast_point *ret_points)
{
	g_auto(work) w = {.input = {.y = y, .n = n}};
	g_autofree double *values = NULL;

	if (!valid(y, n, options))
		return -EINVAL;
	set_seasons(&w, &options->seasons);
	set_limits(&w);
	set_origins(&w, options->horizon);
	w.n_candidates = candidates_prepare(&w.input, w.origin[w.n_origins - 1], w.candidate);
	w.past = g_new0(double, (size_t)CANDIDATES_MAX *ORIGINS_MAX *w.horizon);
	weigh(&w);
	values = g_new(double, options->horizon);
	memset(ret_points, 0, options->horizon * sizeof(*ret_points));
	for (unsigned c = 0; c < w.n_candidates; c++) {
		predict(&w, c, n, options->horizon, values);
		for (unsigned h = 0; h < options->horizon; h++)
			ret_points[h].mean += w.weight[c] * values[h];
	}
	intervals(&w, options->horizon, ret_points);
	return 0;
}

bool forecast_fill(double *y, size_t n)
{
	size_t last = n; /* the last finite value's place */

	for (size_t i = 0; i < n; i++) {
		if (!isfinite(y[i]))
			continue;
		for (size_t gap = last == n ? 0 : last + 1; gap < i; gap++)
			y[gap] = last == n ? y[i]
					   : y[last] + (y[i] - y[last]) * (gap - last) / (i - last);
		last = i;
	}
	for (size_t gap = last + 1; last < n && gap < n; gap++)
		y[gap] = y[last];
	return last < n;
}
