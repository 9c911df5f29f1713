/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analytics/engine.h"
#include "analytics/found.h"
#include "analytics/keep.h"
#include "bench_data.h"
#include "suite.h"
#include "unit/fake_snapshot.h"

#define MONDAY 1400457600 /* 2014-05-19 00:00 UTC */
#define DAY 86400
#define STEP 300

static double usage_of(int64_t time_s, struct noise *noise)
{
	int hour = (int)(time_s % DAY / 3600);

	return (hour >= 9 && hour < 17 ? 70 : 20) + noise_gauss(noise);
}

/* Three VMs with a daily load; the second's memory fills by 1 % an hour. */
static struct kvmlens_snapshot *world_at(int64_t time_s, struct noise *noise)
{
	struct fake_spec spec = {.vms = 3, .vcpus = 1, .level = KVMLENS_DETAILED, .tick = 1};
	struct kvmlens_snapshot *s = fake_snapshot(&spec);

	s->wall_ms = time_s * 1000;
	for (size_t i = 0; i < s->vms.n; i++) {
		struct snap_vm *vm = entities_at(&s->vms, i);

		vm->rate.usage = usage_of(time_s, noise);
		vm->rate.ready = 2 + 0.3 * noise_gauss(noise);
		vm->guest.mem_percent = 30 + 0.1 * noise_gauss(noise);
		if (i == 1)
			vm->guest.mem_percent += (double)(time_s - MONDAY) / 3600;
	}
	return s;
}

static void feed(struct engine *engine, struct kvmlens_snapshot *s)
{
	engine_feed(engine, s);
	kvmlens_snapshot_unref(s);
}

static void run(struct engine *engine, int64_t from, int64_t to, struct noise *noise)
{
	for (int64_t t = from; t < to; t += STEP)
		feed(engine, world_at(t, noise));
}

/* A snapshot with what the engine found last. */
static struct kvmlens_snapshot *filled(struct engine *engine)
{
	struct fake_spec spec = {.vms = 3, .vcpus = 1, .level = KVMLENS_DETAILED, .tick = 1};
	struct kvmlens_snapshot *s = fake_snapshot(&spec);

	engine_fill(engine, s);
	return s;
}

static struct snap_vm *vm_at(struct kvmlens_snapshot *s, unsigned i)
{
	return entities_at(&s->vms, i);
}

static double score_of(struct engine *engine, unsigned vm)
{
	struct kvmlens_snapshot *s = filled(engine);
	const struct snap_anomaly *a = vm_at(s, vm)->anomalies.v;
	double score = vm_at(s, vm)->anomalies.n == 1 ? a->score : NAN;

	kvmlens_snapshot_unref(s);
	return score;
}

static void test_nothing_yet(void)
{
	struct engine *engine = engine_new();

	CU_ASSERT(isnan(score_of(engine, 0)));
	engine_free(engine);
}

/* One VM does what none did before: its score says so, and names the series. */
static void test_anomaly(void)
{
	struct engine *engine = engine_new();
	struct noise noise = {.state = 1};
	int64_t t = MONDAY + 3 * DAY + 3 * 3600;
	struct kvmlens_snapshot *s;
	const struct snap_contribution *first;

	run(engine, MONDAY, t, &noise);
	CU_ASSERT(score_of(engine, 0) < ANOMALY_THRESHOLD);
	s = world_at(t, &noise);
	vm_at(s, 0)->rate.ready = 40;
	vm_at(s, 0)->rate.usage = 72;
	feed(engine, s);
	CU_ASSERT(score_of(engine, 0) > 0.8);
	CU_ASSERT(score_of(engine, 2) < ANOMALY_THRESHOLD);
	s = filled(engine);
	CU_ASSERT(vm_at(s, 0)->contributions.n >= 2);
	first = vm_at(s, 0)->contributions.v;
	CU_ASSERT_STRING_EQUAL(labels_get(first[0].labels, "metric"), "vm.cpu.ready_time");
	CU_ASSERT_STRING_EQUAL(labels_get(first[1].labels, "metric"), "vm.cpu.usage");
	CU_ASSERT_STRING_EQUAL(labels_get(first[0].labels, "vm"), "vm-0000");
	CU_ASSERT(first[0].share >= first[1].share && first[0].share + first[1].share <= 1.0001);
	kvmlens_snapshot_unref(s);
	/* It is held for a few ticks, so that others can join it, and then it is over. */
	run(engine, t + STEP, t + 20 * STEP, &noise);
	CU_ASSERT(score_of(engine, 0) < ANOMALY_THRESHOLD);
	engine_free(engine);
}

static const struct snap_full *full_of(const struct snap_vm *vm)
{
	return vm->fulls.n == 1 ? vm->fulls.v : NULL;
}

static void test_full(void)
{
	struct engine *engine = engine_new();
	struct noise noise = {.state = 2};
	double truth = 70 * 3600 - DAY;
	struct kvmlens_snapshot *s;
	const struct snap_full *full;

	run(engine, MONDAY, MONDAY + DAY, &noise);
	s = filled(engine);
	full = full_of(vm_at(s, 1));
	CU_ASSERT_PTR_NOT_NULL_FATAL(full);
	CU_ASSERT_DOUBLE_EQUAL(full->seconds, truth, 0.05 * truth);
	CU_ASSERT(full->within_72h > 0.95 && full->within_24h < 0.05);
	full = full_of(vm_at(s, 0));
	CU_ASSERT_PTR_NOT_NULL_FATAL(full);
	CU_ASSERT(full->within_72h < 0.05);
	kvmlens_snapshot_unref(s);
	engine_free(engine);
}

static const struct snap_trend *trend_of(const struct snap_vm *vm, const char *metric,
					 const char *window)
{
	for (size_t i = 0; i < vm->trends.n; i++) {
		const struct snap_trend *trend = entities_at(&vm->trends, i);

		if (strcmp(labels_get(trend->labels, "metric"), metric) == 0 &&
		    strcmp(labels_get(trend->labels, "window"), window) == 0)
			return trend;
	}
	return NULL;
}

static void test_trend_and_forecast(void)
{
	struct engine *engine = engine_new();
	struct noise noise = {.state = 3};
	const struct snap_forecast *forecast;
	const struct snap_trend *trend;
	struct kvmlens_snapshot *s;

	run(engine, MONDAY, MONDAY + 4 * DAY, &noise);
	s = filled(engine);
	trend = trend_of(vm_at(s, 1), "vm.memory.usage_percent", "24h");
	CU_ASSERT_PTR_NOT_NULL_FATAL(trend);
	CU_ASSERT_DOUBLE_EQUAL(trend->per_hour, 1, 0.05);
	CU_ASSERT_EQUAL(trend->significant, 1);
	trend = trend_of(vm_at(s, 0), "vm.memory.usage_percent", "7d");
	CU_ASSERT_PTR_NOT_NULL_FATAL(trend);
	CU_ASSERT_EQUAL(trend->significant, 0);
	CU_ASSERT(vm_at(s, 0)->forecasts.n >= 2);
	forecast = vm_at(s, 0)->forecasts.v;
	CU_ASSERT_STRING_EQUAL(labels_get(forecast->labels, "metric"), "vm.cpu.usage");
	CU_ASSERT_DOUBLE_EQUAL(forecast->mean, (8 * 70 + 16 * 20) / 24.0, 2);
	CU_ASSERT_DOUBLE_EQUAL(forecast->peak, 70, 2);
	CU_ASSERT(forecast->peak_low <= 70 && forecast->peak_high >= 70);
	CU_ASSERT(forecast->peak_high - forecast->peak_low < 15);
	kvmlens_snapshot_unref(s);
	engine_free(engine);
}

/* An engine that was stopped, kept in a store and begun anew says what the other one says. */
static void test_restart(void)
{
	g_autofree char *folder = g_dir_make_tmp("kvmlens-engine-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "history.db", NULL);
	g_autofree char *remove = g_strdup_printf("rm -rf '%s'", folder);
	const struct store_component *const components[] = {&keep_component};
	struct store_config config = {.path = path, .components = components, .n_components = 1};
	struct engine *engine = engine_new(), *next = engine_new();
	struct noise noise = {.state = 4};
	int64_t now = MONDAY + 2 * DAY;
	struct engine_stats stats;
	struct store *store = NULL;

	CU_ASSERT_EQUAL_FATAL(store_new(&config, &store), 0);
	run(engine, MONDAY, now, &noise);
	CU_ASSERT_EQUAL(keep_save(engine, store, now), 0);
	store_free(store);
	engine_stats(engine, &stats);
	CU_ASSERT_EQUAL(keep_load(next, path, now), (int)stats.series);
	for (unsigned i = 0; i < 200; i++) {
		struct kvmlens_snapshot *s = world_at(now + i * STEP, &noise);

		if (i == 150)
			vm_at(s, 0)->rate.usage = 99;
		engine_feed(engine, s);
		engine_feed(next, s);
		kvmlens_snapshot_unref(s);
		/* What was held is not kept: it is over after some ticks. */
		if (i > 60)
			CU_ASSERT_DOUBLE_EQUAL(score_of(engine, 0), score_of(next, 0), 1e-4);
	}
	CU_ASSERT_EQUAL(keep_load(next, "/nowhere/x.db", now), -ENOENT);
	engine_free(engine);
	engine_free(next);
	CU_ASSERT_EQUAL(system(remove), 0);
}

static void test_forgets(void)
{
	struct engine *engine = engine_new();
	struct noise noise = {.state = 5};
	struct fake_spec spec = {.vms = 1, .vcpus = 1, .level = KVMLENS_STANDARD, .tick = 1};
	struct engine_stats stats;

	run(engine, MONDAY, MONDAY + 600, &noise);
	engine_stats(engine, &stats);
	CU_ASSERT_EQUAL(stats.vms, 3);
	CU_ASSERT(stats.series >= 9 && stats.refused == 0);
	for (unsigned i = 0; i < 80; i++) {
		struct kvmlens_snapshot *s = fake_snapshot(&spec);

		s->wall_ms = (MONDAY + 600 + i * STEP) * INT64_C(1000);
		feed(engine, s);
	}
	engine_stats(engine, &stats);
	CU_ASSERT_EQUAL(stats.vms, 1);
	engine_free(engine);
}

static void test_join(void)
{
	double scores[] = {0.5, 0, 0, 0.2}, all[20];

	CU_ASSERT_DOUBLE_EQUAL(found_join(scores, 1), 0.5, 1e-12);
	CU_ASSERT_DOUBLE_EQUAL(found_join(scores, 4), 0.5, 0.01);
	CU_ASSERT_EQUAL(found_join(scores, 0), 0);
	for (unsigned i = 0; i < 20; i++)
		all[i] = 1;
	CU_ASSERT(found_join(all, 20) < 1);
}

/* The engine's share of a core for 100 VMs at ticks of 10 s, over a simulated day. Printed. */
static void test_cost(void)
{
	struct fake_spec spec = {.vms = 100, .vcpus = 1, .level = KVMLENS_STANDARD, .tick = 1};
	struct kvmlens_snapshot *s = fake_snapshot(&spec);
	struct engine *engine = engine_new();
	struct noise noise = {.state = 6};
	struct engine_stats stats;
	const int hours = 4;

	for (int i = 0; i < hours * 360; i++) {
		s->wall_ms = (MONDAY + i * 10) * INT64_C(1000);
		for (size_t v = 0; v < s->vms.n; v++) {
			vm_at(s, v)->rate.usage = 30 + 5 * noise_gauss(&noise);
			vm_at(s, v)->rate.ready = 2 + noise_gauss(&noise);
			vm_at(s, v)->guest.mem_percent = 50 + noise_gauss(&noise);
		}
		engine_feed(engine, s);
	}
	engine_stats(engine, &stats);
	printf("\n    100 VMs, %lu series, %.1f MiB; %.3f %% of a core at 10 s ",
	       (unsigned long)stats.series, (double)stats.bytes / (1 << 20),
	       100 * (double)stats.cpu_ns / 1e9 / (hours * 3600));
	CU_ASSERT_EQUAL(stats.bytes, stats.series * sizeof(struct watch_state));
	/*
	 * It was 10,000 before a series had twelve views with excuses of their own instead of
	 * eight.
	 */
	CU_ASSERT(sizeof(struct watch_state) < 11000);
	kvmlens_snapshot_unref(s);
	engine_free(engine);
}

#define AT_ONCE 100

/* VMs that no other generation has. */
static struct kvmlens_snapshot *generation_at(unsigned generation, int64_t time_s)
{
	struct fake_spec spec = {.vms = AT_ONCE, .vcpus = 1, .level = KVMLENS_STANDARD, .tick = 1};
	struct kvmlens_snapshot *s = fake_snapshot(&spec);

	s->wall_ms = time_s * 1000;
	for (unsigned i = 0; i < s->vms.n; i++) {
		struct snap_vm *vm = vm_at(s, i);
		unsigned number = 1000 + generation * AT_ONCE + i;

		vm_ident_unref(vm->ident);
		labels_unref(vm->labels);
		vm->ident = fake_ident(&(struct fake_spec){0}, number);
		vm->labels = labels_ref(vm->ident->labels);
	}
	return s;
}

static uint64_t resident_kib(void)
{
	g_autofree char *statm = NULL;

	malloc_trim(0);
	if (!g_file_get_contents("/proc/self/statm", &statm, NULL, NULL))
		return 0;
	return g_ascii_strtoull(strchr(statm, ' '), NULL, 10) * 4;
}

/* 10,000 VMs that live for half a minute each: nothing is learned of them, nothing is kept. */
static void test_churn(void)
{
	struct engine *engine = engine_new();
	int64_t t = MONDAY;
	struct engine_stats stats;
	uint64_t before = 0, after;

	for (unsigned g = 0; g < 102; g++) {
		if (g == 2)
			before = resident_kib();
		for (int n = 0; n < 3; n++, t += 10)
			feed(engine, generation_at(g, t));
	}
	after = resident_kib();
	engine_stats(engine, &stats);
	CU_ASSERT_EQUAL(stats.series, 0);
	printf(" (%u KiB, after 10,000 VMs %u KiB) ", (unsigned)before, (unsigned)after);
	/* AddressSanitizer holds back what is freed: there resident memory says nothing. */
#ifndef __SANITIZE_ADDRESS__
	CU_ASSERT(after <= before + before / 10);
#endif
	engine_free(engine);
}

/* VMs that live long enough to be learned: the last to leave are remembered, up to a bound. */
static void test_gone(void)
{
	struct engine *engine = engine_new();
	int64_t t = MONDAY;
	struct engine_stats stats;
	guint64 each = 0, most = 0;

	for (unsigned g = 0; g < 30; g++) {
		for (int n = 0; n < 4; n++, t += ENGINE_MIN_AGE_S / 2)
			feed(engine, generation_at(g, t));
		engine_stats(engine, &stats);
		if (!each)
			each = stats.series;
		most = MAX(most, stats.series);
	}
	CU_ASSERT(each >= AT_ONCE);
	CU_ASSERT(most <= ENGINE_SERIES_GONE + 2 * each);
	/* An hour later none of them is left. */
	for (int n = 0; n < 3; n++, t += 3000)
		feed(engine, generation_at(1000, t));
	engine_stats(engine, &stats);
	CU_ASSERT(stats.series <= each);
	engine_free(engine);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"nothing yet", test_nothing_yet},
		{"an anomaly", test_anomaly},
		{"memory fills", test_full},
		{"trend and forecast", test_trend_and_forecast},
		{"restart", test_restart},
		{"VMs that left", test_forgets},
		{"joining scores", test_join},
		{"cost", test_cost},
		{"10,000 VMs that come and go", test_churn},
		{"VMs that have left", test_gone},
		CU_TEST_INFO_NULL,
	};

	return suite_run("engine", tests);
}
