/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/tail.h"

#include <math.h>
#include <string.h>

/* How fast surprise grows beyond the greatest value, per mean excess of the kept ones. */
#define TAIL_SLOPE 3.0
/* A spread this many times exceeded is as surprising as it gets. */
#define TAIL_LIMIT 60.0

static double mean_excess(const struct tail *tail)
{
	double sum = 0;
	unsigned last = tail->kept - 1;

	for (unsigned i = 0; i < last; i++)
		sum += (double)tail->top[i] - tail->top[last];
	return sum / last;
}

double tail_surprise(const struct tail *tail, double value, double floor)
{
	float x = (float)value;
	unsigned rank = 0;

	if (tail->n < TAIL_WARM || x <= tail->top[tail->kept - 1])
		return 0;
	if (x > tail->top[0]) {
		double spread = fmax(mean_excess(tail), floor);
		double beyond = ((double)x - tail->top[0]) / spread;

		return log(tail->n + 1.0) + fmin(TAIL_SLOPE * beyond, TAIL_LIMIT);
	}
	while (rank < tail->kept && tail->top[rank] >= x)
		rank++;
	return log((tail->n + 1.0) / (rank + 1.0));
}

static void remove_at(struct tail *tail, unsigned i)
{
	unsigned rest = tail->kept - 1 - i;

	memmove(&tail->top[i], &tail->top[i + 1], rest * sizeof(tail->top[0]));
	memmove(&tail->day[i], &tail->day[i + 1], rest * sizeof(tail->day[0]));
}

/*
 * Values that are too old leave. The smallest one stands in for each, as what lay below it is not
 * known any more: that errs towards less surprise.
 */
static void age(struct tail *tail, uint16_t day)
{
	for (unsigned i = 0; i + 1 < tail->kept; i++) {
		if ((uint16_t)(day - tail->day[i]) <= TAIL_DAYS)
			continue;
		remove_at(tail, i--);
		tail->top[tail->kept - 1] = tail->top[tail->kept - 2];
		tail->day[tail->kept - 1] = day;
	}
	tail->aged = day;
}

void tail_learn(struct tail *tail, double value, uint16_t day, uint32_t horizon)
{
	float x = (float)value;
	unsigned i;

	if (day != tail->aged && tail->kept == TAIL_KEEP)
		age(tail, day);
	if (tail->n < horizon)
		tail->n++;
	if (tail->kept == TAIL_KEEP && x <= tail->top[TAIL_KEEP - 1])
		return;
	i = tail->kept < TAIL_KEEP ? tail->kept++ : TAIL_KEEP - 1;
	for (; i > 0 && tail->top[i - 1] < x; i--) {
		tail->top[i] = tail->top[i - 1];
		tail->day[i] = tail->day[i - 1];
	}
	tail->top[i] = x;
	tail->day[i] = day;
}

double tails_step(struct tails *tails, double value, double floor, uint16_t day, uint32_t horizon)
{
	double high = tail_surprise(&tails->high, value, floor);
	double low = tail_surprise(&tails->low, -value, floor);

	tail_learn(&tails->high, value, day, horizon);
	tail_learn(&tails->low, -value, day, horizon);
	return fmax(high, low);
}

static bool tail_valid(const struct tail *tail)
{
	if (tail->kept > TAIL_KEEP || tail->kept > tail->n)
		return false;
	for (unsigned i = 0; i < tail->kept; i++)
		if (!isfinite(tail->top[i]) || (i && tail->top[i] > tail->top[i - 1]))
			return false;
	return true;
}

bool tails_valid(const struct tails *tails)
{
	return tail_valid(&tails->high) && tail_valid(&tails->low);
}
