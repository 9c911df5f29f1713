/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/trend.h"

#include <errno.h>
#include <glib.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>

#define MAD_TO_SIGMA 1.4826
#define CONFIDENCE 1.96

struct points {
	double t[TREND_POINTS], y[TREND_POINTS];
	size_t n;
};

/* Finite samples in groups, each one's medians, so that at most TREND_POINTS remain. */
static void thin(const double *time_s, const double *value, size_t n, struct points *p)
{
	g_autofree double *t = g_new(double, n + 1), *y = g_new(double, n + 1);
	size_t finite = 0, group;

	for (size_t i = 0; i < n; i++) {
		if (!isfinite(value[i]) || !isfinite(time_s[i]))
			continue;
		t[finite] = time_s[i];
		y[finite++] = value[i];
	}
	group = MAX((finite + TREND_POINTS - 1) / TREND_POINTS, 1);
	p->n = 0;
	for (size_t i = 0; i + group <= finite; i += group) {
		p->t[p->n] = gsl_stats_median(&t[i], 1, group);
		p->y[p->n++] = gsl_stats_median(&y[i], 1, group);
	}
}

/* All slopes, sorted, and Kendall's sum of signs. */
static size_t pair_slopes(const struct points *p, double *ret_slopes, double *ret_signs)
{
	size_t n = 0;
	double signs = 0;

	for (size_t i = 0; i < p->n; i++) {
		for (size_t j = i + 1; j < p->n; j++) {
			double dy = p->y[j] - p->y[i], dt = p->t[j] - p->t[i];

			if (dt <= 0)
				continue;
			ret_slopes[n++] = dy / dt;
			signs += (dy > 0) - (dy < 0);
		}
	}
	gsl_sort(ret_slopes, 1, n);
	*ret_signs = signs;
	return n;
}

static double tied_variance(const struct points *p)
{
	g_autofree double *y = g_memdup2(p->y, p->n * sizeof(*y));
	double n = (double)p->n, v = n * (n - 1) * (2 * n + 5);

	gsl_sort(y, 1, p->n);
	for (size_t i = 0, j; i < p->n; i = j) {
		double ties;

		for (j = i + 1; j < p->n && y[j] <= y[i]; j++)
			;
		ties = (double)(j - i);
		v -= ties * (ties - 1) * (2 * ties + 5);
	}
	return v / 18;
}

/* How much a positive autocorrelation of the residuals inflates the variance of the test. */
static double inflation(const double *residual, size_t n)
{
	double r = gsl_stats_lag1_autocorrelation(residual, 1, n);

	if (!isfinite(r) || r <= 0)
		return 1;
	r = fmin(r, 0.99);
	return (1 + r) / (1 - r);
}

static void set_residuals(const struct points *p, struct trend *trend, double *residual)
{
	g_autofree double *sorted = g_new(double, p->n);
	double end = p->t[p->n - 1], middle;

	for (size_t i = 0; i < p->n; i++)
		residual[i] = sorted[i] = p->y[i] - trend->slope * (p->t[i] - end);
	gsl_sort(sorted, 1, p->n);
	middle = gsl_stats_median_from_sorted_data(sorted, 1, p->n);
	for (size_t i = 0; i < p->n; i++)
		sorted[i] = fabs(sorted[i] - middle);
	gsl_sort(sorted, 1, p->n);
	trend->scatter = MAD_TO_SIGMA * gsl_stats_median_from_sorted_data(sorted, 1, p->n);
	trend->level = middle;
}

static void test(struct trend *trend, double signs, double variance, const double *slopes, size_t n)
{
	double deviation = sqrt(variance), z = 0, rank;

	if (deviation > 0 && fabs(signs) > 1)
		z = (fabs(signs) - 1) / deviation;
	trend->p = 2 * gsl_cdf_ugaussian_Q(z);
	trend->significant = trend->p < TREND_ALPHA;
	rank = CONFIDENCE * deviation / (double)n / 2;
	trend->low = gsl_stats_quantile_from_sorted_data(slopes, 1, n, fmax(0.5 - rank, 0));
	trend->high = gsl_stats_quantile_from_sorted_data(slopes, 1, n, fmin(0.5 + rank, 1));
}

int trend_fit(const double *time_s, const double *value, size_t n, struct trend *ret_trend)
{
	g_autofree struct points *p = g_new(struct points, 1);
	g_autofree double *slopes = NULL, *residual = NULL;
	struct trend trend = {0};
	double signs;
	size_t n_slopes;

	thin(time_s, value, n, p);
	if (p->n < TREND_MIN)
		return -EINVAL;
	slopes = g_new(double, p->n *(p->n - 1) / 2);
	residual = g_new(double, p->n);
	n_slopes = pair_slopes(p, slopes, &signs);
	if (!n_slopes)
		return -EINVAL;
	trend.slope = gsl_stats_median_from_sorted_data(slopes, 1, n_slopes);
	set_residuals(p, &trend, residual);
	test(&trend, signs, tied_variance(p) * inflation(residual, p->n), slopes, n_slopes);
	*ret_trend = trend;
	return 0;
}
