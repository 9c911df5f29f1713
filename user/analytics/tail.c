/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/tail.h"

#include <math.h>
#include <string.h>

/* How fast surprise grows beyond the greatest value, per mean excess of the kept ones. */
#define TAIL_SLOPE 3.0
/* A spread this many times exceeded is as surprising as it gets. */
#define TAIL_LIMIT 60.0
/* Surprise beyond the greatest value's from which a value is an outbreak. */
#define TAIL_OUTBREAK 8.0
/* How far out an outbreak's peak is learned, of its distance to the greatest value. */
#define TAIL_SHARE 0.5

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

	if (tail->n < TAIL_WARM || tail->kept < 2 || x <= tail->top[tail->kept - 1])
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

static void tail_remove(struct tail *tail, unsigned i)
{
	unsigned rest = tail->kept - 1 - i;

	memmove(&tail->top[i], &tail->top[i + 1], rest * sizeof(tail->top[0]));
	memmove(&tail->day[i], &tail->day[i + 1], rest * sizeof(tail->day[0]));
}

/*
 * Values that are too old leave. The smallest one stands in for each, as what lay below it is not
 * known any more: that errs towards less surprise.
 */
static void tail_age(struct tail *tail, uint16_t day)
{
	for (unsigned i = 0; i + 1 < tail->kept; i++) {
		if ((uint16_t)(day - tail->day[i]) <= TAIL_DAYS)
			continue;
		tail_remove(tail, i--);
		tail->top[tail->kept - 1] = tail->top[tail->kept - 2];
		tail->day[tail->kept - 1] = day;
	}
	tail->aged = day;
}

static void tail_insert(struct tail *tail, float x, uint16_t day)
{
	unsigned i;

	if (day != tail->aged && tail->kept == TAIL_KEEP)
		tail_age(tail, day);
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

static void tail_learn(struct tail *tail, float x, const struct tail_rule *rule)
{
	tail->peak = tail->block ? fmaxf(tail->peak, x) : x;
	tail->block++;
	if (tail->n < rule->horizon)
		tail->n++;
	if (tail->block < rule->block && tail->kept == TAIL_KEEP)
		return;
	tail_insert(tail, tail->peak, rule->day);
	tail->block = 0;
}

static void tail_end_outbreak(struct tail *tail, const struct tail_rule *rule)
{
	float top = tail->top[0];

	tail_insert(tail, top + (tail->peak - top) * TAIL_SHARE, rule->day);
	tail->outbreak = 0;
	tail->block = 0;
}

double tail_step(struct tail *tail, double value, const struct tail_rule *rule)
{
	double s = tail_surprise(tail, value, rule->floor);
	float x = (float)value;
	bool beyond = s > log(tail->n + 1.0) + TAIL_OUTBREAK;

	if (beyond && tail->outbreak < rule->outbreak) {
		tail->peak = tail->outbreak ? fmaxf(tail->peak, x) : x;
		tail->outbreak++;
		return s;
	}
	if (tail->outbreak && !beyond)
		tail_end_outbreak(tail, rule);
	tail_learn(tail, x, rule);
	return s;
}

static bool tail_valid(const struct tail *tail)
{
	if (tail->kept > TAIL_KEEP || tail->kept > tail->n || !isfinite(tail->peak))
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
