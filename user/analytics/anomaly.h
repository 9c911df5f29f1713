/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming anomaly detection in constant memory. Twelve views of a series (level, jump against
 * the mean before, short, long and hourly mean, drift between means, unrest at two scales, what
 * lies outside the range of this hour of the day and of the week, gaps between samples, how long
 * a value has stayed) each say how rare their value is by all they have seen; the score joins
 * them. Nothing is trained, nothing looks ahead.
 *
 * The unit behind the score is surprise: the logarithm of how many samples one would wait for
 * such a point. A score of 0.6 is 1.725 times the logarithm of the samples of 14 days. As there
 * are many views, that is less rare than it sounds: on generated series with nothing wrong about
 * once in 5 days, at an interval of 10 s as of 5 min (test_anomaly_events measures it).
 * Each view has its own excuse: a report excuses what is no more surprising in the same view and
 * direction for some hours, so that one event is one peak, and an outage after a burst is another.
 */
#ifndef KVMLENS_ANALYTICS_ANOMALY_H
#define KVMLENS_ANALYTICS_ANOMALY_H

#include <stddef.h>
#include <stdint.h>
#include "analytics/envelope.h"
#include "analytics/tail.h"

/* A score from here on is worth a report. */
#define ANOMALY_THRESHOLD 0.6

enum anomaly_view {
	VIEW_LEVEL,
	VIEW_JUMP,
	VIEW_SHORT_MEAN,
	VIEW_LONG_MEAN,
	VIEW_DRIFT,
	VIEW_UNREST,
	VIEW_DAY,
	VIEW_WEEK,
	VIEW_HOUR,
	VIEW_LONG_UNREST,
	VIEW_GAP,
	VIEW_FROZEN,
	VIEW_MAX,
};

/* Surprise that was reported; slow fades in hours, brief in half an hour. */
struct anomaly_excuse {
	float slow, brief;
};

/* Everything a series remembers; no pointers, so it can be written and read back as it is. */
struct anomaly {
	uint32_t magic, size; /* of this layout */
	uint64_t samples;
	int64_t last_s; /* time of the last sample */
	double step_s; /* learnt interval between samples */
	double short_mean, long_mean, unrest;
	double long_unrest, hour_mean;
	double last_value, same_s; /* the last sample's value, and how long it has stayed */
	double reports; /* scores from ANOMALY_THRESHOLD on, decaying */
	struct anomaly_excuse joint, excuse[VIEW_MAX][2]; /* of all views; of each, high and low */
	int32_t hour; /* of the week, of the last sample; -1: none */
	uint32_t view; /* enum anomaly_view that surprised most in the last sample */
	struct tails tails[VIEW_MAX];
	struct envelope_bin day[ENVELOPE_DAY], week[ENVELOPE_WEEK];
};

void anomaly_init(struct anomaly *anomaly);

/*
 * Score a sample in [0, 1) from the past alone, then learn it. Times are seconds since the epoch
 * and do not go back; a value that is not finite, or a time that does, gives NAN and teaches
 * nothing.
 */
double anomaly_update(struct anomaly *anomaly, int64_t time_s, double value);

/* -EINVAL: these bytes are no state of this version, or hold impossible numbers. */
int anomaly_restore(struct anomaly *anomaly, const void *bytes, size_t n);

/* What a view sees, for people: "jump", "time of day". */
const char *anomaly_view_name(enum anomaly_view view);

#endif
