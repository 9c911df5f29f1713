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
	double seconds; /* median; NAN: not within a year */
	double within_24h, within_72h; /* chance */
};

/* Of percent in use; needs two hours. From the last day, in means of five minutes. */
bool outlook_full(const struct watch_state *state, struct outlook_full *ret_full);

#endif
