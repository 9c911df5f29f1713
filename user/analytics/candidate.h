/* SPDX-License-Identifier: Apache-2.0 */
/* The simple forecasting methods that the forecaster joins. */
#ifndef KVMLENS_ANALYTICS_CANDIDATE_H
#define KVMLENS_ANALYTICS_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include "analytics/smoothing.h"

/* A series and, where every value is well above zero, its logarithms. */
struct forecast_input {
	const double *y, *log_y; /* log_y: NULL else */
	size_t n;
	struct seasons seasons;
};

struct candidate_ops;

/* A method made ready for one series. */
struct candidate {
	const struct candidate_ops *ops;
	unsigned cycle; /* in samples, of the methods that follow one cycle */
	struct seasons seasons; /* of smoothing */
	struct smoothing smoothing;
};

struct candidate_ops {
	const char *name;
	/* Forecast from the first n values alone; n is at least candidate_need(). */
	void (*predict)(const struct candidate *candidate, const struct forecast_input *input,
			size_t n, unsigned horizon, double *ret_values);
	bool smooths;
	unsigned cycles; /* how many there must be */
};

#define CANDIDATES_MAX (3 * FORECAST_SEASONS + 2)

/*
 * Those that the series is long enough for when forecasts begin at sample from, with the
 * smoothing ones fitted to all of it. Returns how many, at least 1 for from >= 2.
 */
unsigned candidates_prepare(const struct forecast_input *input, size_t from,
			    struct candidate *ret_candidates);

#endif
