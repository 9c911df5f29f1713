/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How surprising is a value, given the greatest ones seen so far? Constant memory: the TAIL_KEEP
 * greatest values of the last TAIL_DAYS, an empirical rank inside them and an exponential tail
 * (peaks over threshold) beyond them.
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
};

/* Both ends of one quantity. */
struct tails {
	struct tail high, low;
};

/*
 * Natural logarithm of how many samples one would wait for a value this far out, 0 when it is not
 * among the greatest. floor is the smallest spread that counts, in the value's unit.
 */
double tail_surprise(const struct tail *tail, double value, double floor);

/* Learn a value seen on a day (since the epoch); horizon is TAIL_DAYS in samples. */
void tail_learn(struct tail *tail, double value, uint16_t day, uint32_t horizon);

/* The greater surprise of both ends; learns the value afterwards. */
double tails_step(struct tails *tails, double value, double floor, uint16_t day, uint32_t horizon);

/* Do the numbers make sense, after reading them from elsewhere? */
bool tails_valid(const struct tails *tails);

#endif
