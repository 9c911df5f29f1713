/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forecasts with prediction intervals. Several simple methods each forecast the series' own
 * recent past from the data before it; their errors there weigh them in one joint forecast, and
 * the joint forecast's errors there make the intervals: nothing is assumed of their distribution.
 */
#ifndef KVMLENS_ANALYTICS_FORECAST_H
#define KVMLENS_ANALYTICS_FORECAST_H

#include <stdbool.h>
#include <stddef.h>
#include "analytics/smoothing.h"

#define FORECAST_HORIZON_MAX 1024
#define FORECAST_SAMPLES_MIN 4
#define FORECAST_SAMPLES_MAX 100000

struct forecast_options {
	struct seasons seasons; /* those longer than the series allows are left out */
	unsigned horizon; /* samples to forecast, 1 to FORECAST_HORIZON_MAX */
};

struct forecast_point {
	double mean;
	double low80, high80, low95, high95;
};

/*
 * Forecast horizon points from n equally spaced, finite values. Where no value is
 * negative, no forecast is. -EINVAL: a value, a length or a season is out of range; -ENOMEM.
 */
int forecast_run(const double *y, size_t n, const struct forecast_options *options,
		 struct forecast_point *ret_points);

/* Replace values that are not finite by a line between their neighbours; false: all are. */
bool forecast_fill(double *y, size_t n);

#endif
