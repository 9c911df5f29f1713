/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which series explains another one? Spearman's rank correlation over lags, of what remains when
 * slow drifts are taken out; the p-value accounts for autocorrelation and for the many tries.
 */
#ifndef KVMLENS_ANALYTICS_CORRELATE_H
#define KVMLENS_ANALYTICS_CORRELATE_H

#include <stdbool.h>
#include <stddef.h>

#define CORRELATE_MIN 30 /* samples */
#define CORRELATE_LAG_MAX 60
#define CORRELATE_ALPHA 0.01

/* A series made ready once, to be compared with many. */
struct ranks {
	double *z; /* standardised ranks; NULL: constant, correlates with nothing */
	double *acf; /* autocorrelation of z at lags 1 to n_acf */
	size_t n, n_acf;
};

/*
 * Values equally spaced; those that are not finite are filled in. drift is the number of samples
 * of the running mean that is taken out, 0: none. -EINVAL: fewer than CORRELATE_MIN samples or
 * none finite.
 */
int ranks_init(struct ranks *ranks, const double *value, size_t n, size_t drift);
void ranks_clear(struct ranks *ranks);

struct correlation {
	size_t candidate; /* index */
	double rho; /* -1 to 1 */
	int lag; /* samples by which the candidate came first */
	double p; /* after correction for lags tried */
};

/* The best lag in -max_lag to max_lag; ranks of one length. p is 1 for constant series. */
struct correlation correlate(const struct ranks *target, const struct ranks *candidate,
			     unsigned max_lag);

/*
 * Those that explain the target beyond chance (p, corrected for n too, below CORRELATE_ALPHA),
 * strongest first, at most max. same_sign: only rising together counts. Returns how many.
 */
size_t correlate_rank(const struct ranks *target, const struct ranks *candidates, size_t n,
		      unsigned max_lag, bool same_sign, struct correlation *ret_best, size_t max);

#endif
