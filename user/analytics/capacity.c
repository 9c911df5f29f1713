/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/capacity.h"

#include <errno.h>
#include <glib.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>

/* Steps are taken over this part of the series, so that noise about the line is no wandering. */
#define STEP_PART 10
#define SLOPES 9 /* slopes that the uncertain one is replaced by */

/* Spread of the steps over a tenth of the series about the line, as of one second. */
static double wandering(const double *time_s, const double *used, size_t n,
			const struct trend *trend)
{
	size_t span = MAX(n / STEP_PART, 1);
	double sum = 0, seconds = 0;
	size_t steps = 0;

	for (size_t i = 0; i + span < n; i += span, steps++) {
		double dt = time_s[i + span] - time_s[i];
		double off = used[i + span] - used[i] - trend->slope * dt;

		if (!isfinite(off))
			continue;
		sum += fmax(off * off - 2 * trend->scatter * trend->scatter, 0);
		seconds += dt;
	}
	return steps && seconds > 0 ? sqrt(sum / seconds) : 0;
}

int growth_fit(const double *time_s, const double *used, size_t n, double capacity,
	       struct growth *ret_growth)
{
	struct growth g;
	int r;

	if (!(capacity > 0))
		return -EINVAL;
	r = trend_fit(time_s, used, n, &g.trend);
	if (r)
		return r;
	g.wander = wandering(time_s, used, n, &g.trend);
	g.gap = fmax(capacity - g.trend.level, 0);
	*ret_growth = g;
	return 0;
}

/* First passage of a Brownian motion with drift: the inverse Gaussian distribution. */
static double passage(double gap, double drift, double wander, double t)
{
	double spread = wander * sqrt(t), direct, reflected;

	if (gap <= 0)
		return 1;
	if (spread <= 1e-12 * gap)
		return drift * t >= gap;
	direct = gsl_cdf_ugaussian_P((drift * t - gap) / spread);
	reflected = 2 * drift * gap / (wander * wander);
	/* For a strong drift the exponential overflows where its factor vanishes. */
	if (reflected > 500)
		return direct;
	return fmin(direct + exp(reflected) * gsl_cdf_ugaussian_Q((drift * t + gap) / spread), 1);
}

double growth_full_within(const struct growth *growth, double seconds)
{
	double error = (growth->trend.high - growth->trend.low) / (2 * 1.96), sum = 0;

	if (growth->gap <= 0)
		return 1;
	if (seconds <= 0)
		return 0;
	for (unsigned i = 0; i < SLOPES; i++) {
		double quantile = gsl_cdf_ugaussian_Pinv((i + 0.5) / SLOPES);

		sum += passage(growth->gap, growth->trend.slope + quantile * error, growth->wander,
			       seconds);
	}
	return sum / SLOPES;
}

double growth_time_to_full(const struct growth *growth, double chance)
{
	double low = 0, high = CAPACITY_HORIZON_S;

	if (growth->gap <= 0)
		return 0;
	if (growth_full_within(growth, high) < chance)
		return INFINITY;
	for (unsigned i = 0; i < 60; i++) {
		double middle = (low + high) / 2;

		if (growth_full_within(growth, middle) < chance)
			low = middle;
		else
			high = middle;
	}
	return high;
}
