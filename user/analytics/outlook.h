/* SPDX-License-Identifier: Apache-2.0 */
/* What a series' memory says of the time to come: trends, forecast, time to full. */
#ifndef KVMLENS_ANALYTICS_OUTLOOK_H
#define KVMLENS_ANALYTICS_OUTLOOK_H

#include <stdbool.h>
#include "analytics/forecast.h"
#include "analytics/trend.h"
#include "analytics/watch.h"

enum outlook_window { OUTLOOK_HOUR, OUTLOOK_DAY, OUTLOOK_WEEK, OUTLOOK_WINDOWS };

#define OUTLOOK_HOURS 24 /* that a forecast reaches */

/* "1h", "24h", "7d". */
const char *outlook_window_name(enum outlook_window window);

/* False: the memory does not reach back far enough. */
bool outlook_trend(const struct watch_state *state, enum outlook_window window,
		   struct trend *ret_trend);

struct outlook_day {
	double mean;
	struct forecast_point peak; /* the hour with the highest forecast */
};

/* The next 24 hours, with a daily and a weekly season; needs two days. */
bool outlook_forecast(const struct watch_state *state, struct outlook_day *ret_day);

struct outlook_full {
	double level; /* now, without its noise */
	double seconds; /* median; NAN: it does not fill, or not within a year */
	double within_24h, within_72h; /* chance */
};

/* A past in equal steps: times in seconds, rising; NAN: not known. */
struct outlook_past {
	const double *times, *values;
	size_t n;
};

/*
 * When percent in use reaches 100, from the last day in means of five minutes and the last weeks
 * in means of an hour. Only what grows significantly, still grows, and is higher than it ever came
 * down from by itself fills: a plateau does not, nor does what is cleaned up again and again, as
 * long as its peaks do not grow. False: less than two hours are known.
 */
bool outlook_full_of(const struct outlook_past *day, const struct outlook_past *weeks,
		     struct outlook_full *ret_full);

/* The same of a series' memory. */
bool outlook_full(const struct watch_state *state, struct outlook_full *ret_full);

#endif
