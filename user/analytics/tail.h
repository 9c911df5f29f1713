/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How surprising is a value, given the greatest ones seen so far? Constant memory: the TAIL_KEEP
 * greatest peaks of the last TAIL_DAYS, an empirical rank inside them and an exponential tail
 * (peaks over threshold) beyond them.
 *
 * Peaks, not values: a quantity that moves slowly stays near its peak for a while, so only the
 * greatest value of each block of samples enters. A value far beyond everything seen begins an
 * outbreak. While it lasts, up to a limit, nothing of it is learned; its end adds one peak, half
 * as far out. So one burst does not hide the next one, and a burst that recurs becomes normal
 * after a few times.
 */
#ifndef KVMLENS_ANALYTICS_TAIL_H
#define KVMLENS_ANALYTICS_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#define TAIL_KEEP 20
#define TAIL_DAYS 30
#define TAIL_WARM 30 /* samples before which nothing surprises */

struct tail {
	float top[TAIL_KEEP]; /* descending */
	uint16_t day[TAIL_KEEP]; /* when each was seen, for ageing */
	uint32_t n; /* samples behind them, at most a horizon's */
	uint16_t kept, aged; /* entries in use; day of the last ageing */
	float peak; /* greatest value of the current block or outbreak */
	uint32_t block, outbreak; /* samples of each so far */
};

/* Both ends of one quantity. */
struct tails {
	struct tail high, low;
};

/* How a tail learns a sample. */
struct tail_rule {
	double floor; /* smallest spread that counts, in the value's unit */
	uint32_t horizon; /* TAIL_DAYS in samples */
	uint32_t block; /* samples of which the greatest enters */
	uint32_t outbreak; /* samples from which an outbreak is learned as it is */
	uint16_t day; /* of the sample, since the epoch */
};

/*
 * Natural logarithm of how many samples one would wait for a value this far out, 0 when it is not
 * among the greatest. floor is the smallest spread that counts, in the value's unit.
 */
double tail_surprise(const struct tail *tail, double value, double floor);

/* The surprise of a value by what came before it; learns the value afterwards. */
double tail_step(struct tail *tail, double value, const struct tail_rule *rule);

/* Do the numbers make sense, after reading them from elsewhere? */
bool tails_valid(const struct tails *tails);

#endif
