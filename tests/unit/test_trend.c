/* SPDX-License-Identifier: Apache-2.0 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <glib.h>
#include <math.h>
#include <string.h>
#include "analytics/capacity.h"
#include "analytics/outlook.h"
#include "analytics/trend.h"
#include "bench_data.h"

#define N 360
#define GIB (1024.0 * 1024 * 1024)

static double t[4000], y[4000];

static void set_times(size_t n, double step)
{
	for (size_t i = 0; i < n; i++)
		t[i] = 1.4e9 + step * i;
}

static void test_slope(void)
{
	struct noise noise = {.state = 1};
	struct trend trend;

	set_times(N, 10);
	for (unsigned i = 0; i < N; i++)
		y[i] = 5 + 0.01 * (t[i] - t[0]) + noise_gauss(&noise);
	/* A third of wild values moves the line little, and gaps do not matter. */
	for (unsigned i = 0; i < N; i += 10) {
		y[i] = 1e4;
		y[i + 5] = NAN;
	}
	CU_ASSERT_EQUAL(trend_fit(t, y, N, &trend), 0);
	CU_ASSERT_DOUBLE_EQUAL(trend.slope, 0.01, 0.0005);
	CU_ASSERT(trend.low < 0.01 && trend.high > 0.01);
	CU_ASSERT(trend.significant);
	CU_ASSERT_DOUBLE_EQUAL(trend.level, 5 + 0.01 * 3590, 0.5);
	CU_ASSERT(trend.scatter > 0.4 && trend.scatter < 1.6);
}

/* How often a series that has no trend is called significant. */
static unsigned false_trends(double memory, unsigned tries)
{
	struct noise noise = {.state = 2};
	unsigned found = 0;

	set_times(N, 10);
	for (unsigned k = 0; k < tries; k++) {
		struct trend trend;
		double x = 0;

		for (unsigned i = 0; i < N; i++)
			y[i] = x = memory * x + noise_gauss(&noise);
		CU_ASSERT_EQUAL(trend_fit(t, y, N, &trend), 0);
		found += trend.significant;
	}
	return found;
}

static void test_no_trend(void)
{
	CU_ASSERT(false_trends(0, 200) <= 8);
	CU_ASSERT(false_trends(0.8, 200) <= 14);
}

static void test_flat_and_short(void)
{
	struct trend trend;

	set_times(4000, 10);
	memset(y, 0, sizeof(y));
	CU_ASSERT_EQUAL(trend_fit(t, y, 4000, &trend), 0);
	CU_ASSERT_EQUAL(trend.slope, 0);
	CU_ASSERT(!trend.significant);
	CU_ASSERT_EQUAL(trend_fit(t, y, TREND_MIN - 1, &trend), -EINVAL);
	for (unsigned i = 0; i < 20; i++)
		y[i] = NAN;
	CU_ASSERT_EQUAL(trend_fit(t, y, 20, &trend), -EINVAL);
	for (unsigned i = 0; i < 20; i++) {
		y[i] = i;
		t[i] = 1;
	}
	CU_ASSERT_EQUAL(trend_fit(t, y, 20, &trend), -EINVAL);
}

/* A disk of 100 GiB fills at a known rate, with a log rotation each day and noise. */
static void test_disk_fills(void)
{
	struct noise noise = {.state = 3};
	double rate = 0.05 * GIB / 3600, truth, found;
	struct growth growth;

	set_times(48 * 12, 300);
	for (unsigned i = 0; i < 48 * 12; i++)
		y[i] = 60 * GIB + rate * (t[i] - t[0]) + 0.05 * GIB * noise_gauss(&noise) +
		       0.2 * GIB * fmod(t[i], 86400) / 86400;
	CU_ASSERT_EQUAL(growth_fit(t, y, 48 * 12, 100 * GIB, &growth), 0);
	truth = (100 * GIB - (60 * GIB + rate * (t[575] - t[0]))) / rate;
	found = growth_time_to_full(&growth, 0.5);
	printf(" [full in %.0f h, truth %.0f h] ", found / 3600, truth / 3600);
	CU_ASSERT_DOUBLE_EQUAL(found, truth, 0.05 * truth);
	CU_ASSERT(growth_time_to_full(&growth, 0.1) <= found);
	CU_ASSERT(growth_time_to_full(&growth, 0.9) >= found);
	CU_ASSERT(growth_full_within(&growth, truth * 1.5) > 0.95);
	CU_ASSERT(growth_full_within(&growth, truth * 0.5) < 0.05);
}

/* Of many disks that wander with a known drift, how many fill in time, and what was said? */
static void test_chance_is_calibrated(void)
{
	struct noise noise = {.state = 4};
	const unsigned runs = 300, seen = 500, ahead = 500;
	double said = 0;
	unsigned full = 0;

	set_times(seen, 60);
	for (unsigned k = 0; k < runs; k++) {
		struct growth growth;
		double level = 0, most = 0;

		for (unsigned i = 0; i < seen; i++)
			y[i] = level += 0.1 + noise_gauss(&noise);
		CU_ASSERT_EQUAL(growth_fit(t, y, seen, level + 60, &growth), 0);
		said += growth_full_within(&growth, ahead * 60);
		for (unsigned i = 0; i < ahead; i++) {
			y[seen - 1] += 0.1 + noise_gauss(&noise);
			most = fmax(most, y[seen - 1]);
		}
		full += most >= level + 60;
	}
	printf(" [said %.2f, was %.2f] ", said / runs, (double)full / runs);
	CU_ASSERT_DOUBLE_EQUAL(said / runs, (double)full / runs, 0.12);
}

/* What a rising, a flat and a cleaned-up file system say over weeks, sample by sample. */
struct usage_story {
	const char *name;
	double (*percent)(double hours);
	double days; /* of it */
	double from; /* days from which on it is judged */
	double full_h; /* when it is really full, in hours from the start; NAN: never */
	double least; /* part of the judgements that have to say so */
	double slack_h; /* that they may be off by, beside a quarter */
};

static double noise(double hours)
{
	return 0.4 * sin(hours * 91) + 0.3 * sin(hours * 37.7);
}

static double saw(double hours, double period, double low, double high)
{
	return low + (high - low) * fmod(hours, period) / period;
}

static double cleaned_daily(double hours)
{
	return saw(hours, 24, 40, 90) + noise(hours);
}

static double cleaned_weekly(double hours)
{
	return saw(hours, 168, 40, 90) + noise(hours);
}

static double cleaned_hourly(double hours)
{
	return saw(hours, 1.5, 70, 95) + noise(hours);
}

static double plateau(double hours)
{
	return fmin(60 + hours, 92) + noise(hours);
}

static double always_92(double hours)
{
	return 92 + noise(hours);
}

static double up_and_down(double hours)
{
	return 70 + 20 * sin(hours * 2 * G_PI / 24) + noise(hours);
}

static double growing(double hours)
{
	return 50 + hours / 4 + noise(hours);
}

static double peaks_grow(double hours)
{
	return saw(hours, 24, 30, 60) + floor(hours / 24) + noise(hours);
}

static const struct usage_story usage_stories[] = {
	{"cleaned up daily", cleaned_daily, 9, 1.1, NAN, 1, 0},
	{"cleaned up weekly", cleaned_weekly, 24, 7.2, NAN, 1, 0},
	{"cleaned up hourly", cleaned_hourly, 3, 0.2, NAN, 1, 0},
	{"grew to 92 % and stays", plateau, 6, 1.9, NAN, 1, 0},
	{"is at 92 %", always_92, 6, 0, NAN, 1, 0},
	{"busy by day", up_and_down, 9, 1.2, NAN, 1, 0},
	{"grows", growing, 8, 0.5, 200, 0.95, 3},
	{"its peaks grow", peaks_grow, 30, 12, 40.0 * 24, 0.8, 24},
};

static void test_full_stories(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(usage_stories); i++) {
		const struct usage_story *s = &usage_stories[i];
		g_autofree struct watch_state *state = g_new(struct watch_state, 1);
		unsigned judged = 0, said = 0, wrong = 0;

		watch_init(state);
		for (int64_t at = 0; at < (int64_t)(s->days * 86400); at += 60) {
			struct outlook_full full;
			double hours = (double)at / 3600, left = s->full_h - hours;

			watch_add(state, 1700000000 + at, fmin(s->percent(hours), 100));
			if (at % 3600 || hours < s->from * 24 || !outlook_full(state, &full))
				continue;
			judged++;
			said += !isnan(full.seconds);
			wrong += !isnan(full.seconds) &&
				 !(fabs(full.seconds / 3600 - left) <= 0.25 * left + s->slack_h);
		}
		printf(" [%s: %u of %u, %u wrong] ", s->name, said, judged, wrong);
		CU_ASSERT_TRUE(judged > 20);
		CU_ASSERT_EQUAL(wrong, 0);
		if (isnan(s->full_h))
			CU_ASSERT_EQUAL(said, 0)
		else
			CU_ASSERT_TRUE(said >= s->least * judged);
	}
}

static void test_never_full(void)
{
	struct growth growth;

	set_times(N, 60);
	for (unsigned i = 0; i < N; i++)
		y[i] = 50 - 0.001 * i;
	CU_ASSERT_EQUAL(growth_fit(t, y, N, 100, &growth), 0);
	CU_ASSERT(isinf(growth_time_to_full(&growth, 0.5)));
	CU_ASSERT_EQUAL(growth_full_within(&growth, 1e6), 0);
	CU_ASSERT_EQUAL(growth_fit(t, y, N, 40, &growth), 0);
	CU_ASSERT_EQUAL(growth_time_to_full(&growth, 0.9), 0);
	CU_ASSERT_EQUAL(growth_full_within(&growth, 0), 1);
	CU_ASSERT_EQUAL(growth_fit(t, y, N, 0, &growth), -EINVAL);
}

static void test_vcpus(void)
{
	double use[200], ready[200];
	struct sizing s;
	char text[256];

	for (unsigned i = 0; i < 200; i++) {
		use[i] = i % 20 ? 10 : 20;
		ready[i] = 1;
	}
	CU_ASSERT_EQUAL(sizing_vcpus(8, use, ready, 200, &s), 0);
	CU_ASSERT_EQUAL(s.verdict, SIZING_SHRINK);
	CU_ASSERT_EQUAL(s.advised, 2); /* 1.6 of 8 at most */
	sizing_explain(&s, false, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "8.0 vCPUs, advised 2.0"));
	for (unsigned i = 0; i < 200; i++)
		use[i] = 95;
	CU_ASSERT_EQUAL(sizing_vcpus(2, use, ready, 200, &s), 0);
	CU_ASSERT_EQUAL(s.verdict, SIZING_GROW);
	CU_ASSERT(s.advised > 2);
	for (unsigned i = 0; i < 200; i++)
		ready[i] = 30;
	CU_ASSERT_EQUAL(sizing_vcpus(2, use, ready, 200, &s), 0);
	CU_ASSERT_EQUAL(s.verdict, SIZING_HOST);
	CU_ASSERT_EQUAL(s.advised, 2);
	CU_ASSERT_EQUAL(sizing_vcpus(2, use, NULL, 59, &s), -EINVAL);
	CU_ASSERT_EQUAL(sizing_vcpus(0, use, NULL, 200, &s), -EINVAL);
}

static void test_memory(void)
{
	double used[100];
	struct sizing s;

	for (unsigned i = 0; i < 100; i++)
		used[i] = 2 * GIB;
	CU_ASSERT_EQUAL(sizing_memory(8 * GIB, used, 100, &s), 0);
	CU_ASSERT_EQUAL(s.verdict, SIZING_SHRINK);
	CU_ASSERT_EQUAL(s.advised, 2.5 * GIB);
	CU_ASSERT_EQUAL(sizing_memory(2.1 * GIB, used, 100, &s), 0);
	CU_ASSERT_EQUAL(s.verdict, SIZING_GROW);
	CU_ASSERT_EQUAL(sizing_memory(3 * GIB, used, 100, &s), 0);
	CU_ASSERT_EQUAL(s.verdict, SIZING_KEEP);
	CU_ASSERT_EQUAL(sizing_memory(0, used, 100, &s), -EINVAL);
}

int main(void)
{
	CU_pSuite suite;
	unsigned failures;

	CU_initialize_registry();
	suite = CU_add_suite("trend", NULL, NULL);
	CU_add_test(suite, "slope", test_slope);
	CU_add_test(suite, "no trend", test_no_trend);
	CU_add_test(suite, "flat and short", test_flat_and_short);
	CU_add_test(suite, "a disk fills", test_disk_fills);
	CU_add_test(suite, "chance of being full", test_chance_is_calibrated);
	CU_add_test(suite, "never full", test_never_full);
	CU_add_test(suite, "what fills and what does not", test_full_stories);
	CU_add_test(suite, "vCPUs", test_vcpus);
	CU_add_test(suite, "memory", test_memory);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
