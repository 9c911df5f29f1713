/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/correlate.h"

#include <errno.h>
#include <glib.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include "analytics/forecast.h"

/* Subtract the mean of the drift samples around each. */
static void take_out_drift(double *y, size_t n, size_t drift)
{
	g_autofree double *sum = g_new(double, n + 1);
	size_t half = drift / 2;

	sum[0] = 0;
	for (size_t i = 0; i < n; i++)
		sum[i + 1] = sum[i] + y[i];
	for (size_t i = 0; i < n; i++) {
		size_t from = i > half ? i - half : 0, to = MIN(i + half + 1, n);

		y[i] -= (sum[to] - sum[from]) / (double)(to - from);
	}
}

/* Ranks with the mean rank for ties, to mean 0 and variance 1. False: all are tied. */
static bool standard_ranks(const double *y, size_t n, double *ret_z)
{
	g_autofree size_t *order = g_new(size_t, n);
	double square = 0;

	gsl_sort_index(order, y, 1, n);
	for (size_t i = 0, j; i < n; i = j) {
		double rank;

		for (j = i + 1; j < n && y[order[j]] <= y[order[i]]; j++)
			;
		rank = (double)(i + j - 1) / 2 - (double)(n - 1) / 2;
		for (size_t k = i; k < j; k++)
			ret_z[order[k]] = rank;
		square += rank * rank * (double)(j - i);
	}
	if (square <= 0)
		return false;
	for (size_t i = 0; i < n; i++)
		ret_z[i] /= sqrt(square / (double)n);
	return true;
}

static double product(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

int ranks_init(struct ranks *ranks, const double *value, size_t n, size_t drift)
{
	g_autofree double *y = NULL;
	double *z;

	if (n < CORRELATE_MIN)
		return -EINVAL;
	y = g_memdup2(value, n * sizeof(*y));
	if (!forecast_fill(y, n))
		return -EINVAL;
	if (drift)
		take_out_drift(y, n, drift);
	*ranks = (struct ranks){.n = n, .n_acf = MIN(n / 4, 200)};
	z = g_new(double, n);
	if (!standard_ranks(y, n, z)) {
		g_free(z);
		return 0;
	}
	ranks->z = z;
	ranks->acf = g_new(double, ranks->n_acf);
	for (size_t k = 1; k <= ranks->n_acf; k++)
		ranks->acf[k - 1] = product(z, z + k, n - k) / (double)n;
	return 0;
}

void ranks_clear(struct ranks *ranks)
{
	g_clear_pointer(&ranks->z, g_free);
	g_clear_pointer(&ranks->acf, g_free);
}

/* Bartlett: two series that are each like their own past hold fewer independent samples. */
static double independent(const struct ranks *a, const struct ranks *b)
{
	double factor = 1;

	for (size_t k = 0; k < a->n_acf; k++)
		factor += 2 * (1 - (double)(k + 1) / (double)a->n) * a->acf[k] * b->acf[k];
	return (double)a->n / fmax(factor, 1);
}

/* Two-sided, by Fisher's transformation. */
static double chance(double rho, double n)
{
	double r = fmin(fabs(rho), 1 - 1e-12);

	if (n <= 4)
		return 1;
	return 2 * gsl_cdf_ugaussian_Q(atanh(r) * sqrt((n - 3) / 1.06));
}

struct correlation correlate(const struct ranks *target, const struct ranks *candidate,
			     unsigned max_lag)
{
	struct correlation best = {.p = 1};
	size_t n = target->n;
	int most = (int)MIN(max_lag, CORRELATE_LAG_MAX);

	if (!target->z || !candidate->z || candidate->n != n ||
	    n <= (size_t)most + CORRELATE_MIN / 2)
		return best;
	for (int lag = -most; lag <= most; lag++) {
		size_t over = n - (size_t)abs(lag);
		const double *t = target->z + MAX(lag, 0), *c = candidate->z + MAX(-lag, 0);
		double rho = product(t, c, over) / (double)over;

		/* A longer lag must be clearly better. */
		if (fabs(rho) > fabs(best.rho) + 1e-9) {
			best.rho = fmin(fmax(rho, -1), 1);
			best.lag = lag;
		}
	}
	best.p = fmin(chance(best.rho, independent(target, candidate)) * (2 * most + 1), 1);
	return best;
}

static int by_strength(const void *left, const void *right)
{
	double a = fabs(((const struct correlation *)left)->rho);
	double b = fabs(((const struct correlation *)right)->rho);

	return (a < b) - (a > b);
}

size_t correlate_rank(const struct ranks *target, const struct ranks *candidates, size_t n,
		      unsigned max_lag, bool same_sign, struct correlation *ret_best, size_t max)
{
	g_autofree struct correlation *all = g_new(struct correlation, n + 1);
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct correlation c = correlate(target, &candidates[i], max_lag);

		if (c.p * (double)n >= CORRELATE_ALPHA || (same_sign && c.rho <= 0))
			continue;
		c.candidate = i;
		all[kept++] = c;
	}
	qsort(all, kept, sizeof(*all), by_strength);
	kept = MIN(kept, max);
	for (size_t i = 0; i < kept; i++)
		ret_best[i] = all[i];
	return kept;
}
