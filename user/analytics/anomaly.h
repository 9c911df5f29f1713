/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming anomaly detection in constant memory. Eight views of a series (its level, its jump
 * against the mean before, short and long mean, their difference, its unrest, what lies outside
 * the range of this hour of the day and of the week) each say how rare their value is by all they
 * have seen; the score joins them. Nothing is trained, nothing looks ahead.
 *
 * The unit behind the score is surprise: the logarithm of how many samples one would wait for
 * such a point. A score of 0.5 is about once a day whatever the interval between samples, as
 * score = surprise / (surprise + logarithm of a day's samples). What has just been announced is
 * subtracted for some hours, so that one event is one peak and a level that stays is learnt.
 */
#ifndef KVMLENS_ANALYTICS_ANOMALY_H
#define KVMLENS_ANALYTICS_ANOMALY_H

#include <stddef.h>
#include <stdint.h>
#include "analytics/envelope.h"
#include "analytics/tail.h"

/* A score from here on is worth telling somebody. */
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
	VIEW_MAX,
};

/* Everything a series remembers; no pointers, so it can be written and read back as it is. */
struct anomaly {
	uint32_t magic, size; /* of this layout */
	uint64_t samples;
	int64_t last_s; /* time of the last sample */
	double step_s; /* learnt interval between samples */
	double short_mean, long_mean, unrest;
	double announced; /* surprise already told, decaying */
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
