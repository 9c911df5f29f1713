/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What range does a series keep to at this time of the day, or of the week? Lowest and highest
 * value of each hour, which draw in towards the series' mean a little with each visit.
 */
#ifndef KVMLENS_ANALYTICS_ENVELOPE_H
#define KVMLENS_ANALYTICS_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#define ENVELOPE_DAY 24
#define ENVELOPE_WEEK 168

struct envelope_bin {
	float low, high;
	uint16_t samples,
		visits; /* visits: hours of this kind that have passed; the caller counts */
};

/*
 * How far value lies outside the range of its hour and both neighbours, signed, 0 inside.
 * False: these hours have not been seen often enough (visits) to tell.
 */
bool envelope_excess(const struct envelope_bin *bins, unsigned n, unsigned hour, unsigned visits,
		     double value, double *ret_excess);

/* Learn a value; first of an hour: the bin draws in towards mean by the fraction ease. */
void envelope_learn(struct envelope_bin *bin, double value, bool first, double mean, double ease);

bool envelope_valid(const struct envelope_bin *bins, unsigned n);

#endif
