/* SPDX-License-Identifier: Apache-2.0 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include "analytics/forecast.h"
#include "bench_data.h"

#define WEEKS 5
#define SAMPLES (WEEKS * 168)
#define HORIZON 48

static const struct forecast_options by_day_and_week = {{{24, 168}, 2}, HORIZON};

/* A level with a daily wave and a lower weekend. */
static double truth(size_t i)
{
	double weekend = i % 168 >= 120 ? 0.5 : 1;

	return weekend * (100 + 40 * sin(2 * M_PI * (double)(i % 24) / 24));
}

static void check_order(const struct forecast_point *p, unsigned n)
{
	for (unsigned h = 0; h < n; h++) {
		CU_ASSERT(isfinite(p[h].low95) && isfinite(p[h].high95));
		CU_ASSERT(p[h].low95 <= p[h].low80 && p[h].low80 <= p[h].mean);
		CU_ASSERT(p[h].mean <= p[h].high80 && p[h].high80 <= p[h].high95);
	}
}

static void test_seasons(void)
{
	struct noise noise = {.state = 1};
	struct forecast_point p[HORIZON];
	double y[SAMPLES], error = 0;
	unsigned inside = 0;

	for (size_t i = 0; i < SAMPLES; i++)
		y[i] = truth(i) + noise_gauss(&noise);
	CU_ASSERT_EQUAL(forecast_run(y, SAMPLES - 72, &by_day_and_week, p), 0);
	check_order(p, HORIZON);
	/* From Friday into the weekend: one who knows the day alone would be 50 off. */
	for (unsigned h = 0; h < HORIZON; h++) {
		double off = p[h].mean - truth(SAMPLES - 72 + h);

		error += off * off / HORIZON;
		inside += p[h].low95 <= y[SAMPLES - 72 + h] && y[SAMPLES - 72 + h] <= p[h].high95;
	}
	CU_ASSERT(sqrt(error) < 1.5);
	CU_ASSERT(inside >= HORIZON * 8 / 10);
	CU_ASSERT(p[0].high95 - p[0].low95 < 12);
}

/* A trend goes on, but not for ever. */
static void test_trend(void)
{
	struct forecast_options options = {.horizon = 20};
	struct forecast_point p[20];
	struct noise noise = {.state = 2};
	double y[200];

	for (unsigned i = 0; i < 200; i++)
		y[i] = 10 + 2 * i + noise_gauss(&noise);
	CU_ASSERT_EQUAL(forecast_run(y, 200, &options, p), 0);
	check_order(p, 20);
	CU_ASSERT(p[4].mean > y[199] + 4 && p[4].mean < y[199] + 14);
	CU_ASSERT(p[19].mean < y[199] + 44);
}

static void test_constant(void)
{
	struct forecast_point p[HORIZON];
	double y[SAMPLES];

	for (unsigned i = 0; i < SAMPLES; i++)
		y[i] = 7;
	CU_ASSERT_EQUAL(forecast_run(y, SAMPLES, &by_day_and_week, p), 0);
	for (unsigned h = 0; h < HORIZON; h++) {
		CU_ASSERT_DOUBLE_EQUAL(p[h].mean, 7, 1e-9);
		CU_ASSERT_DOUBLE_EQUAL(p[h].high95, 7, 1e-9);
	}
	memset(y, 0, sizeof(y));
	CU_ASSERT_EQUAL(forecast_run(y, SAMPLES, &by_day_and_week, p), 0);
	CU_ASSERT_EQUAL(p[HORIZON - 1].mean, 0);
}

/* Any length from four samples on gives finite intervals in order. */
static void test_lengths(void)
{
	struct noise noise = {.state = 3};
	struct forecast_point p[HORIZON];
	double y[400];

	for (unsigned i = 0; i < 400; i++)
		y[i] = noise_gauss(&noise);
	for (size_t n = FORECAST_SAMPLES_MIN; n < 400; n += n < 60 ? 1 : 13) {
		CU_ASSERT_EQUAL(forecast_run(y, n, &by_day_and_week, p), 0);
		check_order(p, HORIZON);
	}
}

static void test_not_negative(void)
{
	struct noise noise = {.state = 4};
	struct forecast_point p[HORIZON];
	double y[SAMPLES];

	for (unsigned i = 0; i < SAMPLES; i++)
		y[i] = noise_uniform(&noise) < 0.1 ? 100 * noise_uniform(&noise) : 0;
	CU_ASSERT_EQUAL(forecast_run(y, SAMPLES, &by_day_and_week, p), 0);
	check_order(p, HORIZON);
	for (unsigned h = 0; h < HORIZON; h++)
		CU_ASSERT(p[h].low95 >= 0);
}

static void test_refused(void)
{
	struct forecast_options options = by_day_and_week;
	struct forecast_point p[HORIZON];
	double y[SAMPLES];

	for (unsigned i = 0; i < SAMPLES; i++)
		y[i] = truth(i);
	CU_ASSERT_EQUAL(forecast_run(y, 3, &options, p), -EINVAL);
	options.horizon = 0;
	CU_ASSERT_EQUAL(forecast_run(y, SAMPLES, &options, p), -EINVAL);
	options.horizon = FORECAST_HORIZON_MAX + 1;
	CU_ASSERT_EQUAL(forecast_run(y, SAMPLES, &options, p), -EINVAL);
	options = by_day_and_week;
	options.seasons.length[1] = 24;
	CU_ASSERT_EQUAL(forecast_run(y, SAMPLES, &options, p), -EINVAL);
	options.seasons.length[1] = FORECAST_SEASON_MAX + 1;
	CU_ASSERT_EQUAL(forecast_run(y, SAMPLES, &options, p), -EINVAL);
	y[5] = NAN;
	CU_ASSERT_EQUAL(forecast_run(y, SAMPLES, &by_day_and_week, p), -EINVAL);
}

static void test_fill(void)
{
	double y[] = {NAN, NAN, 2, NAN, NAN, NAN, 10, NAN};
	static const double filled[] = {2, 2, 2, 4, 6, 8, 10, 10};
	double none[] = {NAN, NAN};

	CU_ASSERT(forecast_fill(y, 8));
	for (unsigned i = 0; i < 8; i++)
		CU_ASSERT_DOUBLE_EQUAL(y[i], filled[i], 1e-12);
	CU_ASSERT(!forecast_fill(none, 2));
}

int main(void)
{
	CU_pSuite suite;
	unsigned failures;

	CU_initialize_registry();
	suite = CU_add_suite("forecast", NULL, NULL);
	CU_add_test(suite, "daily and weekly season", test_seasons);
	CU_add_test(suite, "trend", test_trend);
	CU_add_test(suite, "constant", test_constant);
	CU_add_test(suite, "any length", test_lengths);
	CU_add_test(suite, "never negative", test_not_negative);
	CU_add_test(suite, "refused", test_refused);
	CU_add_test(suite, "gaps", test_fill);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
