/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exponential smoothing with a damped trend, up to FORECAST_SEASONS seasonal cycles and an
 * autoregressive error (J. W. Taylor's double seasonal method), fitted by least squares of the
 * one-step errors.
 */
#ifndef KVMLENS_ANALYTICS_SMOOTHING_H
#define KVMLENS_ANALYTICS_SMOOTHING_H

#include <stddef.h>

#define FORECAST_SEASONS 3
/* The longest cycle, in samples. */
#define FORECAST_SEASON_MAX 2048

/* Cycles in samples, each a multiple of the one before. */
struct seasons {
	unsigned length[FORECAST_SEASONS];
	unsigned n;
};

/* Weights in [0, 1]: of the newest error in level, trend and each season; of the last error. */
struct smoothing {
	double level, trend, damping, error;
	double season[FORECAST_SEASONS];
};

/* Samples that must be there before smoothing_fit and smoothing_predict mean anything. */
size_t smoothing_need(const struct seasons *seasons);

/* Weights for a series of at least smoothing_need samples. -ENOMEM. */
int smoothing_fit(const double *y, size_t n, const struct seasons *seasons,
		  struct smoothing *ret_smoothing);

/* Forecast the next horizon values. */
void smoothing_predict(const struct smoothing *smoothing, const double *y, size_t n,
		       const struct seasons *seasons, unsigned horizon, double *ret_values);

#endif
