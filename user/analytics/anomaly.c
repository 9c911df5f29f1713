/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/anomaly.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <sys/param.h>

#define ANOMALY_MAGIC 0x324e4b41u
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
/* How long a report excuses: some hours, and not fewer samples than a wide event has; ... */
#define EXCUSE_S 30000.0
#define EXCUSE_STEPS 200
/* ... what surprises by BRIEF_MARGIN more needs less time to be reported again. */
#define BRIEF_S 1800.0
#define BRIEF_STEPS 20
#define BRIEF_MARGIN 10.0
/* Samples of which the greatest enters a tail, by how fast the quantity moves. */
#define SHORT_BLOCK 7
#define LONG_BLOCK 40
#define HOUR_BLOCK_S 7200.0
/* What lasts longer is a new normal and learned as it is; not fewer samples or blocks. */
#define OUTBREAK_S 1800.0
#define OUTBREAK_STEPS 6
#define OUTBREAK_BLOCKS 2
#define STILL_FLOOR_S 1800.0 /* smallest spread of durations: of gaps, of a value that stays */
/* A score of 0.6 is this many times the logarithm of RATE_DAYS in samples: see the header. */
#define RATE_DAYS 14
#define RATE_FACTOR 1.725
/* More than one report in UNEASY_DAYS raises the bar by the logarithm of their number. */
#define UNEASY_DAYS 3
#define UNEASY_WEIGHT 4.0
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

/* One sample, as all views see it. */
struct moment {
	struct tail_rule rule;
	double excuse, brief; /* what is left of both kinds of excuse since the last sample */
	double raw[VIEW_MAX][2]; /* surprise of each view, high and low */
	double floor; /* smallest spread of the level that counts */
	double sum; /* of the views' surprise to the power NORM */
	double most;
};

/* What of a surprise is new. */
static double excuse_fresh(const struct anomaly_excuse *excuse, double raw, const struct moment *m)
{
	double slow = raw - excuse->slow * m->excuse;
	double brief = raw - BRIEF_MARGIN - excuse->brief * m->brief;

	return fmax(fmax(slow, brief), 0);
}

/*
 * Only a report excuses, so that what grows slowly is reported too, and the excuse does not fade
 * while the surprise stays as great.
 */
static void excuse_learn(struct anomaly_excuse *excuse, double raw, const struct moment *m,
			 bool reported)
{
	double slow = reported ? raw : fmin(excuse->slow, raw);
	double brief = reported ? raw : fmin(excuse->brief, raw);

	excuse->slow = (float)fmax(excuse->slow * m->excuse, slow);
	excuse->brief = (float)fmax(excuse->brief * m->brief, brief);
}

static void view_add(struct anomaly *a, enum anomaly_view view, double high, double low,
		     struct moment *m)
{
	double surprise = fmax(excuse_fresh(&a->excuse[view][0], high, m),
			       excuse_fresh(&a->excuse[view][1], low, m));

	m->raw[view][0] = high;
	m->raw[view][1] = low;
	m->sum += pow(surprise, NORM);
	if (surprise > m->most) {
		m->most = surprise;
		a->view = view;
	}
}

/* A quantity with two ends, of which the greatest of each block of samples is learned. */
static void view_step(struct anomaly *a, enum anomaly_view view, double value, unsigned block,
		      struct moment *m)
{
	struct tail_rule rule = m->rule;
	double high, low;

	rule.block = block;
	rule.outbreak = MAX(rule.outbreak, OUTBREAK_BLOCKS * block);
	high = tail_step(&a->tails[view].high, value, &rule);
	low = tail_step(&a->tails[view].low, -value, &rule);
	view_add(a, view, high, low, m);
}

/* Durations have no lower end. */
static void view_gap(struct anomaly *a, double elapsed_s, struct moment *m)
{
	struct tail_rule rule = m->rule;
	double s;

	rule.floor = STILL_FLOOR_S;
	s = tail_step(&a->tails[VIEW_GAP].high, elapsed_s, &rule);
	view_add(a, VIEW_GAP, s, 0, m);
}

/* A gap is no proof that the value stayed: it counts as at most two intervals. */
static void view_frozen(struct anomaly *a, double value, double elapsed_s, struct moment *m)
{
	struct tail *tail = &a->tails[VIEW_FROZEN].high;
	struct tail_rule rule = m->rule;
	double s = 0;

	rule.floor = STILL_FLOOR_S;
	if (value == a->last_value) {
		a->same_s += fmin(elapsed_s, 2 * a->step_s);
		s = tail_surprise(tail, a->same_s, rule.floor);
	} else {
		tail_step(tail, a->same_s, &rule);
		a->same_s = 0;
	}
	view_add(a, VIEW_FROZEN, s, 0, m);
}

static void learn_means(struct anomaly *a, double value, double elapsed_s)
{
	double off = fabs(value - a->short_mean);

	a->short_mean += SHORT_WEIGHT * (value - a->short_mean);
	a->long_mean += LONG_WEIGHT * (value - a->long_mean);
	a->hour_mean += (1 - exp(-elapsed_s / HOUR_S)) * (value - a->hour_mean);
	a->unrest += SHORT_WEIGHT * (off - a->unrest);
	a->long_unrest += LONG_WEIGHT * (off - a->long_unrest);
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

static void view_season(struct anomaly *a, int hour, double value, struct moment *m)
{
	unsigned of_day = hour % ENVELOPE_DAY;
	bool first = hour != a->hour;
	double excess;

	if (envelope_excess(a->day, ENVELOPE_DAY, of_day, DAY_VISITS, value, &excess))
		view_step(a, VIEW_DAY, excess, 1, m);
	if (envelope_excess(a->week, ENVELOPE_WEEK, hour, WEEK_VISITS, value, &excess))
		view_step(a, VIEW_WEEK, excess, 1, m);
	if (first && a->hour >= 0) {
		count_visit(&a->day[a->hour % ENVELOPE_DAY]);
		count_visit(&a->week[a->hour]);
	}
	envelope_learn(&a->day[of_day], value, first, a->long_mean, DAY_EASE);
	envelope_learn(&a->week[hour], value, first, a->long_mean, WEEK_EASE);
	a->hour = hour;
}

static double unrest_log(double unrest, double floor)
{
	return log(unrest + floor);
}

/* Surprise that is worth a report, at the series' own interval. */
static double report_from(const struct anomaly *a)
{
	return fmax(RATE_FACTOR * log(RATE_DAYS * DAY_S / a->step_s), 1.5);
}

static struct moment moment_of(const struct anomaly *a, int64_t time_s, double elapsed_s)
{
	double floor = FLAT * fabs(a->long_mean) + 1e-12;

	return (struct moment){
		.rule.floor = floor,
		.rule.day = (uint16_t)(time_s / DAY_S),
		.rule.horizon = (uint32_t)fmin(TAIL_DAYS * DAY_S / a->step_s, 1e9),
		.rule.block = 1,
		.rule.outbreak = (uint32_t)fmax(OUTBREAK_S / a->step_s, OUTBREAK_STEPS),
		.excuse = exp(-elapsed_s / fmax(EXCUSE_S, EXCUSE_STEPS * a->step_s)),
		.brief = exp(-elapsed_s / fmax(BRIEF_S, BRIEF_STEPS * a->step_s)),
		.floor = floor,
	};
}

static void view_all(struct anomaly *a, int64_t time_s, double value, double elapsed_s,
		     struct moment *m)
{
	if (a->samples) {
		view_gap(a, elapsed_s, m);
		view_frozen(a, value, elapsed_s, m);
	}
	view_step(a, VIEW_LEVEL, value, 1, m);
	view_step(a, VIEW_JUMP, value - a->short_mean, 1, m);
	learn_means(a, value, elapsed_s);
	view_step(a, VIEW_SHORT_MEAN, a->short_mean, SHORT_BLOCK, m);
	view_step(a, VIEW_LONG_MEAN, a->long_mean, LONG_BLOCK, m);
	view_step(a, VIEW_DRIFT, a->short_mean - a->long_mean, LONG_BLOCK, m);
	view_step(a, VIEW_HOUR, a->hour_mean, (unsigned)fmax(HOUR_BLOCK_S / a->step_s, 1), m);
	/* In the logarithm doubling and halving weigh alike, and the floor is a ratio. */
	m->rule.floor = FLAT;
	view_step(a, VIEW_UNREST, unrest_log(a->unrest, m->floor), SHORT_BLOCK, m);
	view_step(a, VIEW_LONG_UNREST, unrest_log(a->long_unrest, m->floor), LONG_BLOCK, m);
	m->rule.floor = m->floor;
	view_season(a, hour_of_week(time_s), value, m);
}

/* A series that is reported often has to surprise more. */
static double score_of(struct anomaly *a, int64_t time_s, double value, double elapsed_s)
{
	struct moment m = moment_of(a, time_s, elapsed_s);
	double raw, fresh, score, report = report_from(a);
	bool reported;

	view_all(a, time_s, value, elapsed_s, &m);
	raw = pow(m.sum, 1 / NORM);
	a->reports *= exp(-elapsed_s / (UNEASY_DAYS * DAY_S));
	fresh = excuse_fresh(&a->joint, raw, &m) - UNEASY_WEIGHT * log(fmax(a->reports, 1));
	fresh = fmax(fresh, 0);
	score = fresh / (fresh + report * (1 / ANOMALY_THRESHOLD - 1));
	reported = score >= ANOMALY_THRESHOLD;
	a->reports += reported;
	excuse_learn(&a->joint, raw, &m, reported);
	for (unsigned i = 0; i < VIEW_MAX; i++) {
		excuse_learn(&a->excuse[i][0], m.raw[i][0], &m, reported);
		excuse_learn(&a->excuse[i][1], m.raw[i][1], &m, reported);
	}
	return score;
}

double anomaly_update(struct anomaly *a, int64_t time_s, double value)
{
	double elapsed = 0, score;

	if (!isfinite(value) || fabs(value) > 1e30 || time_s < 0 ||
	    (a->samples && time_s < a->last_s))
		return NAN;
	if (!a->samples) {
		a->short_mean = a->long_mean = a->hour_mean = value;
	} else {
		elapsed = time_s - a->last_s;
		if (a->samples == 1 && elapsed > 0)
			a->step_s = elapsed;
		a->step_s += STEP_WEIGHT * (fmin(elapsed, 2 * a->step_s) - a->step_s);
		a->step_s = fmax(a->step_s, 0.1);
	}
	score = score_of(a, time_s, value, elapsed);
	a->last_s = time_s;
	a->last_value = value;
	a->samples++;
	return score;
}

static bool excuse_valid(const struct anomaly_excuse *excuse)
{
	return isfinite(excuse->slow) && excuse->slow >= 0 && isfinite(excuse->brief) &&
	       excuse->brief >= 0;
}

static bool finite_all(const struct anomaly *a)
{
	return isfinite(a->step_s) && a->step_s >= 0.1 && isfinite(a->short_mean) &&
	       isfinite(a->long_mean) && isfinite(a->unrest) && a->unrest >= 0 &&
	       isfinite(a->long_unrest) && a->long_unrest >= 0 && isfinite(a->hour_mean) &&
	       isfinite(a->last_value) && isfinite(a->same_s) && a->same_s >= 0 &&
	       isfinite(a->reports) && a->reports >= 0 && excuse_valid(&a->joint) &&
	       a->last_s >= 0 && a->hour >= -1 && a->hour < ENVELOPE_WEEK && a->view < VIEW_MAX;
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
		if (!tails_valid(&a.tails[i]) || !excuse_valid(&a.excuse[i][0]) ||
		    !excuse_valid(&a.excuse[i][1]))
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
		[VIEW_HOUR] = "mean of an hour",
		[VIEW_LONG_UNREST] = "long-term unrest",
		[VIEW_GAP] = "gap",
		[VIEW_FROZEN] = "frozen value",
	};

	return view < VIEW_MAX ? names[view] : "?";
}
