/* SPDX-License-Identifier: Apache-2.0 */
/* Which metrics the engine watches, and what for; a series' memory. */
#ifndef KVMLENS_ANALYTICS_WATCH_H
#define KVMLENS_ANALYTICS_WATCH_H

#include <stddef.h>
#include "analytics/anomaly.h"
#include "analytics/ring.h"

enum watch_role {
	WATCH_ANOMALY = 1 << 0,
	WATCH_TREND = 1 << 1,
	WATCH_FORECAST = 1 << 2,
	WATCH_FULL = 1 << 3, /* percent of something that can run out */
	WATCH_LOAD = 1 << 4, /* what a VM does to others */
	WATCH_PAIN = 1 << 5, /* what others do to it */
};

struct watch {
	const char *metric;
	unsigned roles; /* enum watch_role */
};

/* A metric that the catalogue does not have is left out. */
extern const struct watch watches[];
extern const size_t n_watches;

#define WATCH_SHORT_S 300 /* means of five minutes for a day, */
#define WATCH_SHORT 288
#define WATCH_LONG_S 3600 /* of an hour for five weeks */
#define WATCH_LONG 840

/* All that is remembered of a series: about 9 KB, no pointers. */
struct watch_state {
	struct anomaly anomaly;
	struct ring short_ring, long_ring;
	float short_value[WATCH_SHORT], long_value[WATCH_LONG];
};

void watch_init(struct watch_state *state);

/* Learn a sample; returns its anomaly score or NAN. */
double watch_add(struct watch_state *state, int64_t time_s, double value);

/* -EINVAL: these bytes are no state of this version, or hold impossible numbers. */
int watch_restore(struct watch_state *state, const void *bytes, size_t n);

#endif
