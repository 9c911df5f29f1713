/* SPDX-License-Identifier: Apache-2.0 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include "analytics/anomaly.h"
#include "bench_data.h"

#define MONDAY 1400457600 /* 2014-05-19 00:00 UTC */
#define DAY 86400

/* The value of a synthetic series at a time. */
typedef double (*shape_fn)(int64_t t, struct noise *noise);

static int run(struct anomaly *a, int64_t from, int64_t to, int step, shape_fn shape,
	       struct noise *noise, double *ret_max)
{
	int alarms = 0;
	double max = 0;

	for (int64_t t = from; t < to; t += step) {
		double score = anomaly_update(a, t, shape(t, noise));

		max = fmax(max, score);
		alarms += score >= ANOMALY_THRESHOLD;
	}
	if (ret_max)
		*ret_max = max;
	return alarms;
}

static double gauss(int64_t t, struct noise *noise)
{
	(void)t;
	return 50 + 5 * noise_gauss(noise);
}

static double uniform(int64_t t, struct noise *noise)
{
	(void)t;
	return noise_uniform(noise);
}

static double exponential(int64_t t, struct noise *noise)
{
	(void)t;
	return -log(1 - noise_uniform(noise));
}

static double lognormal(int64_t t, struct noise *noise)
{
	(void)t;
	return exp(noise_gauss(noise));
}

static double shifted(int64_t t, struct noise *noise)
{
	(void)t;
	return 60 + noise_gauss(noise);
}

/* Fewer than one alarm a day and series, at each interval and whatever the distribution. */
static void test_white_noise(void)
{
	static const shape_fn shapes[] = {gauss, uniform, exponential, lognormal};
	static const struct {
		int step, days;
	} runs[] = {{300, 60}, {60, 30}, {10, 10}};
	struct anomaly a;

	for (unsigned s = 0; s < 4; s++) {
		for (unsigned r = 0; r < 3; r++) {
			struct noise noise = {.state = 77 + s};
			int alarms = 0;

			for (int rep = 0; rep < 3; rep++) {
				anomaly_init(&a);
				alarms += run(&a, MONDAY, MONDAY + runs[r].days * DAY, runs[r].step,
					      shapes[s], &noise, NULL);
			}
			CU_ASSERT(alarms < 3 * runs[r].days);
		}
	}
}

static void test_spike(void)
{
	struct noise noise = {.state = 1};
	struct anomaly a;
	double score;

	anomaly_init(&a);
	run(&a, MONDAY, MONDAY + DAY, 60, gauss, &noise, NULL);
	score = anomaly_update(&a, MONDAY + DAY, 120);
	CU_ASSERT(score > 0.8 && score < 1);
	CU_ASSERT(anomaly_update(&a, MONDAY + DAY + 60, 50) < ANOMALY_THRESHOLD);
}

/* A level that stays is told once, then learnt. */
static void test_level_shift(void)
{
	struct noise noise = {.state = 2};
	struct anomaly a;
	double max;
	int64_t shift = MONDAY + 3 * DAY;

	anomaly_init(&a);
	run(&a, MONDAY, shift, 60, gauss, &noise, NULL);
	run(&a, shift, shift + 600, 60, shifted, &noise, &max);
	CU_ASSERT(max < 0.95);
	anomaly_init(&a);
	run(&a, MONDAY, shift, 60, uniform, &noise, NULL);
	CU_ASSERT(run(&a, shift, shift + 600, 60, gauss, &noise, &max) >= 1);
	CU_ASSERT(max > 0.8);
	CU_ASSERT(run(&a, shift + DAY, shift + 4 * DAY, 60, gauss, &noise, NULL) <= 3);
}

/* Busy from 9 to 17 h. */
static double daily(int64_t t, struct noise *noise)
{
	int hour = (int)(t % DAY / 3600);

	return (hour >= 9 && hour < 17 ? 80 : 10) + noise_gauss(noise);
}

static void test_daily(void)
{
	struct noise noise = {.state = 3};
	int64_t night = MONDAY + 7 * DAY + 3 * 3600;
	struct anomaly a;

	anomaly_init(&a);
	run(&a, MONDAY, MONDAY + 2 * DAY, 300, daily, &noise, NULL);
	/* The pattern itself is no news, ... */
	CU_ASSERT(run(&a, MONDAY + 2 * DAY, night, 300, daily, &noise, NULL) <= 5);
	/* ... the daytime's value at night is, although nothing about the value is new. */
	CU_ASSERT(anomaly_update(&a, night, 80) > 0.7);
	CU_ASSERT_EQUAL(a.view, VIEW_DAY);
}

/* Busy on working days only. */
static double weekly(int64_t t, struct noise *noise)
{
	int day = (int)((t - MONDAY) / DAY % 7);

	return day < 5 ? daily(t, noise) : 10 + noise_gauss(noise);
}

static void test_weekly(void)
{
	struct noise noise = {.state = 4};
	int64_t saturday = MONDAY + 33 * DAY + 12 * 3600;
	struct anomaly a;

	anomaly_init(&a);
	run(&a, MONDAY, MONDAY + 28 * DAY, 300, weekly, &noise, NULL);
	CU_ASSERT(run(&a, MONDAY + 28 * DAY, saturday, 300, weekly, &noise, NULL) <= 3);
	CU_ASSERT(anomaly_update(&a, saturday, 80) > 0.65);
	CU_ASSERT_EQUAL(a.view, VIEW_WEEK);
}

static double restless(int64_t t, struct noise *noise)
{
	(void)t;
	return 50 + 25 * noise_gauss(noise);
}

/* The same mean, but the values scatter five times as far. */
static void test_unrest(void)
{
	struct noise noise = {.state = 5};
	struct anomaly a;
	int64_t now = MONDAY + 2 * DAY;

	anomaly_init(&a);
	run(&a, MONDAY, now, 60, gauss, &noise, NULL);
	CU_ASSERT(run(&a, now, now + 600, 60, restless, &noise, NULL) >= 1);
	CU_ASSERT(run(&a, now + DAY, now + 4 * DAY, 60, restless, &noise, NULL) <= 3);
}

/* A state that was written and read back scores as if nothing had happened. */
static void test_restore(void)
{
	struct noise noise = {.state = 6}, copy;
	struct anomaly a, b;
	unsigned char bytes[sizeof(a)];

	anomaly_init(&a);
	run(&a, MONDAY, MONDAY + DAY, 60, gauss, &noise, NULL);
	memcpy(bytes, &a, sizeof(a));
	CU_ASSERT_EQUAL(anomaly_restore(&b, bytes, sizeof(bytes)), 0);
	copy = noise;
	for (int i = 0; i < 500; i++) {
		int64_t t = MONDAY + DAY + 60 * i;

		CU_ASSERT_EQUAL(anomaly_update(&a, t, gauss(t, &noise)),
				anomaly_update(&b, t, gauss(t, &copy)));
	}
}

static void test_restore_refuses(void)
{
	struct anomaly a, b, bad;

	anomaly_init(&a);
	for (int i = 0; i < 100; i++)
		anomaly_update(&a, MONDAY + i, i % 7);
	memset(&b, 0x55, sizeof(b));
	bad = b;
	CU_ASSERT_EQUAL(anomaly_restore(&b, &a, sizeof(a) - 1), -EINVAL);
	CU_ASSERT_EQUAL(anomaly_restore(&b, &bad, sizeof(bad)), -EINVAL);
	bad = a;
	bad.tails[VIEW_JUMP].low.kept = 1000;
	CU_ASSERT_EQUAL(anomaly_restore(&b, &bad, sizeof(bad)), -EINVAL);
	bad = a;
	bad.hour = 500;
	CU_ASSERT_EQUAL(anomaly_restore(&b, &bad, sizeof(bad)), -EINVAL);
	bad = a;
	bad.long_mean = NAN;
	CU_ASSERT_EQUAL(anomaly_restore(&b, &bad, sizeof(bad)), -EINVAL);
	bad = a;
	bad.excuse[VIEW_LEVEL][1].brief = NAN;
	CU_ASSERT_EQUAL(anomaly_restore(&b, &bad, sizeof(bad)), -EINVAL);
	bad = a;
	bad.same_s = -1;
	CU_ASSERT_EQUAL(anomaly_restore(&b, &bad, sizeof(bad)), -EINVAL);
	bad = a;
	bad.tails[VIEW_GAP].high.peak = INFINITY;
	CU_ASSERT_EQUAL(anomaly_restore(&b, &bad, sizeof(bad)), -EINVAL);
	bad = a;
	bad.week[3].low = NAN;
	CU_ASSERT_EQUAL(anomaly_restore(&b, &bad, sizeof(bad)), -EINVAL);
	memset(&bad, 0x55, sizeof(bad));
	CU_ASSERT_EQUAL(memcmp(&b, &bad, sizeof(b)), 0);
}

static void test_bad_input(void)
{
	struct anomaly a;

	anomaly_init(&a);
	CU_ASSERT(isnan(anomaly_update(&a, MONDAY, NAN)));
	CU_ASSERT(isnan(anomaly_update(&a, MONDAY, INFINITY)));
	CU_ASSERT(isnan(anomaly_update(&a, -1, 1)));
	CU_ASSERT_EQUAL(a.samples, 0);
	CU_ASSERT_EQUAL(anomaly_update(&a, MONDAY, 1), 0);
	CU_ASSERT(isnan(anomaly_update(&a, MONDAY - 1, 1)));
	CU_ASSERT_EQUAL(a.samples, 1);
	/* Constant, repeated times, huge gaps: always a number in range. */
	for (int i = 0; i < 2000; i++) {
		double s = anomaly_update(&a, MONDAY + (i < 1000 ? 0 : i * 1000000L),
					  i == 1500 ? 1e29 : 1);

		CU_ASSERT(s >= 0 && s < 1);
	}
}

int main(void)
{
	CU_pSuite suite;
	unsigned failures;

	CU_initialize_registry();
	suite = CU_add_suite("anomaly", NULL, NULL);
	CU_add_test(suite, "white noise", test_white_noise);
	CU_add_test(suite, "a spike", test_spike);
	CU_add_test(suite, "a level shift", test_level_shift);
	CU_add_test(suite, "time of day", test_daily);
	CU_add_test(suite, "time of week", test_weekly);
	CU_add_test(suite, "unrest", test_unrest);
	CU_add_test(suite, "restored state", test_restore);
	CU_add_test(suite, "refused state", test_restore_refuses);
	CU_add_test(suite, "bad input", test_bad_input);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
