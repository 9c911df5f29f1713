/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/anomaly.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define ANOMALY_MAGIC 0x314e4b41u
#define DAY_S 86400
#define HOUR_S 3600
#define DEFAULT_STEP 10.0
#define SHORT_WEIGHT 0.15 /* means over about 7 and 40 samples */
#define LONG_WEIGHT 0.025
#define STEP_WEIGHT 0.05
#define DAY_EASE 0.07 /* how much an hour's range draws in by each visit */
#define WEEK_EASE 0.2
#define DAY_VISITS 1
#define WEEK_VISITS 2
/* Time constant of what has been announced: some hours, or as many samples as a wide event has. */
#define FORGET_S 30000.0
#define FORGET_STEPS 100
#define NORM 3.0 /* views join as an L3 norm: between their sum and their maximum */
#define FLAT 1e-4 /* spread that counts, of the level, where a series is constant */

void anomaly_init(struct anomaly *anomaly)
{
	memset(anomaly, 0, sizeof(*anomaly));
	anomaly->magic = ANOMALY_MAGIC;
	anomaly->size = sizeof(*anomaly);
	anomaly->step_s = DEFAULT_STEP;
	anomaly->hour = -1;
}

struct moment {
	double floor;
	uint16_t day;
	uint32_t horizon;
	double sum; /* of the views' surprise to the power NORM */
	double most;
};

static void look(struct anomaly *a, enum anomaly_view view, double value, struct moment *m)
{
	double s = tails_step(&a->tails[view], value, m->floor, m->day, m->horizon);

	m->sum += pow(s, NORM);
	if (s > m->most) {
		m->most = s;
		a->view = view;
	}
}

static void learn_means(struct anomaly *a, double value)
{
	double off = fabs(value - a->short_mean);

	a->short_mean += SHORT_WEIGHT * (value - a->short_mean);
	a->long_mean += LONG_WEIGHT * (value - a->long_mean);
	a->unrest += SHORT_WEIGHT * (off - a->unrest);
}

/* Monday is hour 0 to 23 of the week: 1970-01-01 was a Thursday. */
static int hour_of_week(int64_t time_s)
{
	return (int)((time_s / HOUR_S + 3 * ENVELOPE_DAY) % ENVELOPE_WEEK);
}

static void count_visit(struct envelope_bin *bin)
{
	if (bin->visits < UINT16_MAX)
		bin->visits++;
}

static void look_season(struct anomaly *a, int hour, double value, struct moment *m)
{
	unsigned of_day = hour % ENVELOPE_DAY;
	bool first = hour != a->hour;
	double excess;

	if (envelope_excess(a->day, ENVELOPE_DAY, of_day, DAY_VISITS, value, &excess))
		look(a, VIEW_DAY, excess, m);
	if (envelope_excess(a->week, ENVELOPE_WEEK, hour, WEEK_VISITS, value, &excess))
		look(a, VIEW_WEEK, excess, m);
	if (first && a->hour >= 0) {
		count_visit(&a->day[a->hour % ENVELOPE_DAY]);
		count_visit(&a->week[a->hour]);
	}
	envelope_learn(&a->day[of_day], value, first, a->long_mean, DAY_EASE);
	envelope_learn(&a->week[hour], value, first, a->long_mean, WEEK_EASE);
	a->hour = hour;
}

static double surprise(struct anomaly *a, int64_t time_s, double value)
{
	struct moment m = {
		.floor = FLAT * fabs(a->long_mean) + 1e-12,
		.day = (uint16_t)(time_s / DAY_S),
		.horizon = (uint32_t)fmin(TAIL_DAYS * DAY_S / a->step_s, 1e9),
	};

	look(a, VIEW_LEVEL, value, &m);
	look(a, VIEW_JUMP, value - a->short_mean, &m);
	learn_means(a, value);
	look(a, VIEW_SHORT_MEAN, a->short_mean, &m);
	look(a, VIEW_LONG_MEAN, a->long_mean, &m);
	look(a, VIEW_DRIFT, a->short_mean - a->long_mean, &m);
	/* In the logarithm doubling and halving weigh alike, and the floor is a ratio. */
	m.floor = FLAT;
	look(a, VIEW_UNREST, log(a->unrest + FLAT * fabs(a->long_mean) + 1e-12), &m);
	m.floor = FLAT * fabs(a->long_mean) + 1e-12;
	look_season(a, hour_of_week(time_s), value, &m);
	return pow(m.sum, 1 / NORM);
}

/* What of it is news; remembers it as announced. */
static double news(struct anomaly *a, double raw, double elapsed_s)
{
	double fresh;

	a->announced *= exp(-elapsed_s / fmax(FORGET_S, FORGET_STEPS * a->step_s));
	fresh = fmax(raw - a->announced, 0);
	a->announced = fmax(a->announced, raw);
	return fresh;
}

double anomaly_update(struct anomaly *a, int64_t time_s, double value)
{
	double elapsed = 0, fresh;

	if (!isfinite(value) || fabs(value) > 1e30 || time_s < 0 ||
	    (a->samples && time_s < a->last_s))
		return NAN;
	if (!a->samples) {
		a->short_mean = a->long_mean = value;
	} else {
		elapsed = time_s - a->last_s;
		if (a->samples == 1 && elapsed > 0)
			a->step_s = elapsed;
		a->step_s += STEP_WEIGHT * (fmin(elapsed, 2 * a->step_s) - a->step_s);
		a->step_s = fmax(a->step_s, 0.1);
	}
	fresh = news(a, surprise(a, time_s, value), elapsed);
	a->last_s = time_s;
	a->samples++;
	return fresh / (fresh + fmax(log(DAY_S / a->step_s), 1));
}

static bool finite_all(const struct anomaly *a)
{
	return isfinite(a->step_s) && a->step_s >= 0.1 && isfinite(a->short_mean) &&
	       isfinite(a->long_mean) && isfinite(a->unrest) && a->unrest >= 0 &&
	       isfinite(a->announced) && a->announced >= 0 && a->last_s >= 0 && a->hour >= -1 &&
	       a->hour < ENVELOPE_WEEK && a->view < VIEW_MAX;
}

int anomaly_restore(struct anomaly *anomaly, const void *bytes, size_t n)
{
	struct anomaly a;

	if (n != sizeof(a))
		return -EINVAL;
	memcpy(&a, bytes, sizeof(a));
	if (a.magic != ANOMALY_MAGIC || a.size != sizeof(a) || !finite_all(&a))
		return -EINVAL;
	for (unsigned i = 0; i < VIEW_MAX; i++)
		if (!tails_valid(&a.tails[i]))
			return -EINVAL;
	if (!envelope_valid(a.day, ENVELOPE_DAY) || !envelope_valid(a.week, ENVELOPE_WEEK))
		return -EINVAL;
	*anomaly = a;
	return 0;
}

const char *anomaly_view_name(enum anomaly_view view)
{
	static const char *const names[VIEW_MAX] = {
		[VIEW_LEVEL] = "level",
		[VIEW_JUMP] = "jump",
		[VIEW_SHORT_MEAN] = "short-term mean",
		[VIEW_LONG_MEAN] = "long-term mean",
		[VIEW_DRIFT] = "drift",
		[VIEW_UNREST] = "unrest",
		[VIEW_DAY] = "time of day",
		[VIEW_WEEK] = "time of week",
	};

	return view < VIEW_MAX ? names[view] : "?";
}
