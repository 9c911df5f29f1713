/* SPDX-License-Identifier: Apache-2.0 */
/* A robust straight line through a series, and whether there is a trend at all. */
#ifndef KVMLENS_ANALYTICS_TREND_H
#define KVMLENS_ANALYTICS_TREND_H

#include <stdbool.h>
#include <stddef.h>

/* More samples than this are taken in groups first, by their medians: work is quadratic. */
#define TREND_POINTS 100
#define TREND_MIN 8
/* Chance, at most, that a series without any trend is called significant. */
#define TREND_ALPHA 0.01

struct trend {
	double slope; /* per second: the median of the slopes of all pairs (Theil, Sen) */
	double low, high; /* of its 95 % interval */
	double level; /* of the line at the last sample */
	double scatter; /* robust standard deviation of the values around the line */
	double p; /* of Mann and Kendall's test, corrected for autocorrelation */
	bool significant;
};

/*
 * Times in seconds, rising; values that are not finite are left out. -EINVAL: fewer than
 * TREND_MIN remain; -ENOMEM.
 */
int trend_fit(const double *time_s, const double *value, size_t n, struct trend *ret_trend);

#endif
