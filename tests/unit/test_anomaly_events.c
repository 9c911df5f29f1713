/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The anomaly detector on generated series as hosts make them: how often it reports when nothing
 * is wrong, and what it finds when something is. The truth is what the generator did. The bounds
 * are what was measured when they were written, less a little, and no claim that this is enough.
 */
#include <CUnit/Basic.h>
#include <math.h>
#include <stdio.h>
#include "analytics/anomaly.h"
#include "bench_data.h"

#define MONDAY 1400457600 /* 2014-05-19 00:00 UTC */
#define DAY 86400
#define LEARN_DAYS 3

struct generator {
	struct noise noise;
	double slow; /* noise that stays for half an hour */
	double held; /* sawtooth, random walk */
	bool on;
};

typedef double (*generate_fn)(struct generator *g, int64_t t, int step);

static double level(struct generator *g, int64_t t, int step)
{
	return 50 + 5 * noise_gauss(&g->noise);
}

static double correlated(struct generator *g, int64_t t, int step)
{
	return 50 + 4 * g->slow + 2 * noise_gauss(&g->noise);
}

static double daily(struct generator *g, int64_t t, int step)
{
	double phase = 2 * M_PI * (double)(t % DAY) / DAY;

	return 50 - 25 * cos(phase) + 1.5 * g->slow + 2 * noise_gauss(&g->noise);
}

static double working_days(struct generator *g, int64_t t, int step)
{
	double off = ((double)(t % DAY) / DAY - 0.58) / 0.17;
	double busy = exp(-off * off) * ((t - MONDAY) / DAY % 7 < 5 ? 1 : 0.15);

	return 10 + 60 * busy * (1 + 0.05 * g->slow) + 2 * noise_gauss(&g->noise);
}

/* A job at about two o'clock, of an hour or so. */
static double batch_night(struct generator *g, int64_t t, int step)
{
	int64_t day = t / DAY;
	int64_t since = t % DAY - (7200 + (day * 7919 % 13 - 6) * 100);
	bool busy = since >= 0 && since < 3000 + day * 104729 % 11 * 120;

	return (busy ? 70 : 8) + 1.5 * noise_gauss(&g->noise) + g->slow;
}

static double latency(struct generator *g, int64_t t, int step)
{
	return 2 * exp(0.5 * noise_gauss(&g->noise) + 0.1 * g->slow);
}

static double exponential(struct generator *g, int64_t t, int step)
{
	return -10 * log(1 - noise_uniform(&g->noise));
}

static double rare_counts(struct generator *g, int64_t t, int step)
{
	double limit = exp(-0.3), product = noise_uniform(&g->noise);
	int n = 0;

	for (; product > limit; n++)
		product *= noise_uniform(&g->noise);
	return n;
}

/* A heap that fills and is collected. */
static double sawtooth(struct generator *g, int64_t t, int step)
{
	g->held += step * (1 + 0.2 * noise_gauss(&g->noise));
	if (g->held > 5400 + 900 * g->slow)
		g->held = 0;
	return 400 + g->held / 10 + 2 * noise_gauss(&g->noise);
}

static double percent(struct generator *g, int64_t t, int step)
{
	return rint(fmin(100, fmax(0, 30 + 5 * g->slow + 3 * noise_gauss(&g->noise))));
}

static double on_off(struct generator *g, int64_t t, int step)
{
	if (noise_uniform(&g->noise) < 1 - exp(-step / (g->on ? 1200. : 5400.)))
		g->on = !g->on;
	return (g->on ? 60 : 5) + 2 * noise_gauss(&g->noise);
}

static double pareto(struct generator *g, int64_t t, int step)
{
	return pow(1 - noise_uniform(&g->noise), -1 / 2.5);
}

static double wandering(struct generator *g, int64_t t, int step)
{
	g->held += 0.02 * sqrt(step) * noise_gauss(&g->noise) - step * g->held * 1e-5;
	return 100 + 5 * g->held + 0.3 * noise_gauss(&g->noise);
}

static double constant(struct generator *g, int64_t t, int step)
{
	return 8;
}

static const generate_fn ordinary[] = {
	level,	     correlated, daily,	  working_days, batch_night, latency,	exponential,
	rare_counts, sawtooth,	 percent, on_off,	pareto,	     wandering, constant,
};

static const int steps[] = {10, 60, 300};

static double generate(struct generator *g, generate_fn fn, int64_t t, int step)
{
	double keep = exp(-step / 1800.);

	g->slow = keep * g->slow + sqrt(1 - keep * keep) * noise_gauss(&g->noise);
	return fn(g, t, step);
}

/* What is done to a value, some seconds into an event. */
typedef double (*event_fn)(double value, double sd, int64_t since_s);

struct watched_run {
	struct anomaly anomaly;
	struct generator generator;
	generate_fn fn;
	double sd; /* of the series */
	int step;
};

/* run does it, as it knows the value that stays. */
static double frozen(double value, double sd, int64_t since_s)
{
	return value;
}

/* The reports from a time to another. event NULL: nothing is wrong. */
static int run(struct watched_run *r, int64_t from, int64_t to, event_fn event)
{
	double first = NAN;
	int reports = 0;

	for (int64_t t = from; t < to; t += r->step) {
		double value = generate(&r->generator, r->fn, t, r->step);

		/* A value that froze is the series' own, so that only its staying is wrong. */
		if (t == from)
			first = value;
		if (event == frozen && t - from < 6 * 3600)
			value = first;
		if (event)
			value = event(value, r->sd, t - from);
		if (isnan(value))
			continue;
		reports += anomaly_update(&r->anomaly, t, value) >= ANOMALY_THRESHOLD;
	}
	return reports;
}

static void run_begin(struct watched_run *r, generate_fn fn, int step, unsigned seed)
{
	double n = 0, sum = 0, squares = 0;

	*r = (struct watched_run){.fn = fn, .step = step, .generator.noise.state = 1};
	for (int64_t t = MONDAY; t < MONDAY + DAY; t += step, n++) {
		double value = generate(&r->generator, fn, t, step);

		sum += value;
		squares += value * value;
	}
	r->sd = sqrt(fmax(squares / n - sum / n * sum / n, 0));
	r->generator = (struct generator){.noise.state = seed};
	anomaly_init(&r->anomaly);
}

static void test_ordinary(void)
{
	static const int days[] = {8, 14, 28};
	struct watched_run r;

	for (unsigned s = 0; s < 3; s++) {
		double watched = 0, reports = 0;

		for (unsigned k = 0; k < sizeof(ordinary) / sizeof(ordinary[0]); k++) {
			run_begin(&r, ordinary[k], steps[s], 77 + k);
			run(&r, MONDAY, MONDAY + LEARN_DAYS * DAY, NULL);
			reports += run(&r, MONDAY + LEARN_DAYS * DAY, MONDAY + days[s] * DAY, NULL);
			watched += days[s] - LEARN_DAYS;
		}
		printf("\n  every %d s: %.2f reports a series-day", steps[s], reports / watched);
		CU_ASSERT(reports / watched < 0.3);
	}
}

static double burst(double value, double sd, int64_t since_s)
{
	return since_s < 600 ? value + 8 * sd : value;
}

static double larger_burst(double value, double sd, int64_t since_s)
{
	return since_s < 600 ? value + 16 * sd : value;
}

static double outage(double value, double sd, int64_t since_s)
{
	return since_s < 600 ? 0 : value;
}

static double shift(double value, double sd, int64_t since_s)
{
	return value + 5 * sd;
}

static double gap(double value, double sd, int64_t since_s)
{
	return since_s < 6 * 3600 ? NAN : value;
}

static double drift(double value, double sd, int64_t since_s)
{
	return value * (1 + 2 * fmin((double)since_s / (6 * 3600), 1));
}

static double half_more(double value, double sd, int64_t since_s)
{
	return value * 1.5;
}

/* Is an event found, lag_s after a burst of ten minutes? r is left as it was. */
static int is_found(const struct watched_run *r, int64_t begun, int64_t lag_s, event_fn event,
		    int64_t watch_s)
{
	struct watched_run copy = *r;
	int64_t then = begun + lag_s;

	if (lag_s)
		run(&copy, begun, then, burst);
	return run(&copy, then, then + watch_s, event) > 0;
}

static const generate_fn disturbed[] = {level, correlated, daily, latency};

/* Of 32 cases each: four kinds of series, eight lags. */
static void test_after_burst(void)
{
	static const struct {
		const char *name;
		event_fn event;
		int watch_s, at_least;
	} events[] = {
		{"outage", outage, 3600, 23},
		{"larger burst", larger_burst, 3600, 24},
		{"same burst", burst, 3600, 10},
		{"shift", shift, 3 * 3600, 20},
	};
	static const int lags[] = {1800, 3600, 7200, 21600, 43200, DAY, 2 * DAY, 3 * DAY};
	int64_t begun = MONDAY + 5 * DAY + 11 * 3600;
	struct watched_run r;

	for (unsigned s = 1; s < 3; s++) {
		int found[4] = {0};

		for (unsigned k = 0; k < 4; k++) {
			run_begin(&r, disturbed[k], steps[s], 9 + k);
			run(&r, MONDAY, begun, NULL);
			for (unsigned e = 0; e < 4; e++)
				for (unsigned l = 0; l < 8; l++)
					found[e] += is_found(&r, begun, lags[l], events[e].event,
							     events[e].watch_s);
		}
		for (unsigned e = 0; e < 4; e++) {
			printf("\n  every %d s, %s after a burst: %d of 32", steps[s],
			       events[e].name, found[e]);
			CU_ASSERT(found[e] >= events[e].at_least);
		}
	}
}

/* Of 50 cases each: five kinds of series, ten beginnings. */
static void test_slow_events(void)
{
	static const struct {
		const char *name;
		event_fn event;
		int at_least;
	} events[] = {
		{"frozen for 6 h", frozen, 45},
		{"gap of 6 h", gap, 45},
		{"drift to three times in 6 h", drift, 45},
		{"half more", half_more, 40},
	};
	static const generate_fn kinds[] = {level, correlated, daily, latency, percent};
	struct watched_run r;

	for (unsigned s = 0; s < 3; s++) {
		int found[4] = {0};

		for (unsigned k = 0; k < 5; k++) {
			int64_t now = MONDAY + 5 * DAY;

			run_begin(&r, kinds[k], steps[s], 90 + k);
			run(&r, MONDAY, now, NULL);
			for (unsigned i = 0; i < 10; i++, now += 7200) {
				for (unsigned e = 0; e < 4; e++)
					found[e] += is_found(&r, now, 0, events[e].event, 7 * 3600);
				run(&r, now, now + 7200, NULL);
			}
		}
		for (unsigned e = 0; e < 4; e++) {
			printf("\n  every %d s, %s: %d of 50", steps[s], events[e].name, found[e]);
			CU_ASSERT(found[e] >= events[e].at_least);
		}
	}
}

int main(void)
{
	CU_pSuite suite;
	unsigned failures;

	CU_initialize_registry();
	suite = CU_add_suite("anomaly events", NULL, NULL);
	CU_add_test(suite, "ordinary series", test_ordinary);
	CU_add_test(suite, "after a burst", test_after_burst);
	CU_add_test(suite, "frozen, gap, drift, shift", test_slow_events);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
