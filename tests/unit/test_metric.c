// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "metric/hist.h"
#include "metric/metric.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

/* As README promises them. */
#define DETAILED_MOST 1100
#define DIAGNOSTIC_MOST 15000

static bool ends(const char *name, const char *suffix)
{
	return g_str_has_suffix(name, suffix);
}

/* Gauges that the specification gave a counter's name. */
static bool is_renamed(const struct metric *m)
{
	return !strcmp(m->name, "vm.memory.total") || !strcmp(m->name, "vm.memory.swap_total");
}

static void test_names(void)
{
	for (size_t i = 0; i < n_metrics; i++) {
		const struct metric *m = &metrics[i];
		g_autofree char *plain = g_strdelimit(g_strdup(m->name), ".", '_');
		g_autofree char *prom = g_strconcat(plain, is_renamed(m) ? "_bytes" : "", NULL);

		CU_ASSERT_STRING_EQUAL(m->prom, prom);
		CU_ASSERT_PTR_EQUAL(metric_find(m->name), m);
		CU_ASSERT_PTR_EQUAL(metric_find(m->prom), m);
		CU_ASSERT_PTR_EQUAL(metric_find(plain), m);
		CU_ASSERT_EQUAL(strspn(prom, "abcdefghijklmnopqrstuvwxyz0123456789_"),
				strlen(prom));
		CU_ASSERT_TRUE(strlen(m->help) > 10 && ends(m->help, "."));
		CU_ASSERT_PTR_NULL(strpbrk(m->help, "\n\\\""));
		CU_ASSERT_TRUE(m->source[0] && m->unit[0]);
	}
	CU_ASSERT_PTR_NULL(metric_find("vm.cpu"));
	CU_ASSERT_PTR_NULL(metric_find(""));
}

/* What promtool and the OpenMetrics specification ask of names. */
static void test_naming_rules(void)
{
	static const char *const forbidden[] = {"_count", "_sum",	 "_bucket", "_created",
						"_ms",	  "_percentage", "_kb",	    "_ns"};

	for (size_t i = 0; i < n_metrics; i++) {
		const struct metric *m = &metrics[i];
		bool seconds = ends(m->prom, "_seconds_total") || ends(m->prom, "_seconds");

		CU_ASSERT_EQUAL(ends(m->prom, "_total"), m->kind == METRIC_COUNTER);
		CU_ASSERT_EQUAL(ends(m->prom, "_info"), !strcmp(m->unit, "info"));
		CU_ASSERT_EQUAL(m->kind == METRIC_HISTOGRAM, m->type == TYPE_HIST);
		for (size_t j = 0; j < G_N_ELEMENTS(forbidden); j++)
			CU_ASSERT_FALSE(ends(m->prom, forbidden[j]));
		if (m->type == TYPE_NS || m->type == TYPE_HIST)
			CU_ASSERT_TRUE(seconds);
		if (seconds)
			CU_ASSERT_STRING_EQUAL(m->unit, "seconds");
		if (m->kind == METRIC_COUNTER)
			CU_ASSERT_PTR_NULL(strchr(m->unit, '/'));
	}
}

/* OpenMetrics calls a counter's family by its name without _total: no other may be called so. */
static void test_families_unique(void)
{
	g_autoptr(GHashTable) families =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (size_t i = 0; i < n_metrics; i++) {
		char *family = g_strdup(metrics[i].prom);

		if (metrics[i].kind == METRIC_COUNTER)
			family[strlen(family) - strlen("_total")] = 0;
		else if (ends(family, "_info"))
			family[strlen(family) - strlen("_info")] = 0;
		if (!g_hash_table_add(families, family)) {
			fprintf(stderr, "two families are called %s\n", metrics[i].prom);
			CU_FAIL("a family's name is not unique");
		}
	}
}

static void test_nearest(void)
{
	CU_ASSERT_STRING_EQUAL(metric_nearest("vm.cpu.raedy_time"), "vm.cpu.ready_time");
	CU_ASSERT_STRING_EQUAL(metric_nearest("vm.cpu.stealtime"), "vm.cpu.steal_time");
	CU_ASSERT_STRING_EQUAL(metric_nearest("vm_cpu_usge"), "vm_cpu_usage");
	CU_ASSERT_PTR_NULL(metric_nearest("temperature of the moon"));
	CU_ASSERT_PTR_NULL(metric_nearest(""));
}

static void test_read(void)
{
	struct snap_vm vm = {.up = 1, .time = {.run = 1500000000, .ready = ABSENT}};
	struct metric_value value = {.u64 = 4711};

	vm.rate.usage = NAN;
	vm.rate.ready = 12.5;
	vm.guest_time_sampled = true;
	vm.state = KVMLENS_VM_PAUSED;
	CU_ASSERT_FALSE(metric_read(&metrics[M_vm_cpu_ready_seconds_total], &vm, &value));
	CU_ASSERT_FALSE(metric_read(&metrics[M_vm_cpu_usage], &vm, &value));
	CU_ASSERT_FALSE(metric_read(&metrics[M_vm_cpu_wake_latency_seconds], &vm, &value));
	CU_ASSERT_EQUAL(value.u64, 4711);
	CU_ASSERT_TRUE(metric_read(&metrics[M_vm_cpu_run_seconds_total], &vm, &value));
	CU_ASSERT_EQUAL(value.u64, 1500000000);
	CU_ASSERT_EQUAL(metric_number(&metrics[M_vm_cpu_run_seconds_total], &value), 1.5);
	CU_ASSERT_TRUE(metric_read(&metrics[M_vm_cpu_ready_time], &vm, &value));
	CU_ASSERT_EQUAL(metric_number(&metrics[M_vm_cpu_ready_time], &value), 12.5);
	CU_ASSERT_TRUE(metric_read(&metrics[M_vm_cpu_guest_time_sampled], &vm, &value));
	CU_ASSERT_EQUAL(metric_number(&metrics[M_vm_cpu_guest_time_sampled], &value), 1);
	CU_ASSERT_TRUE(metric_read(&metrics[M_vm_state], &vm, &value));
	CU_ASSERT_EQUAL(metric_number(&metrics[M_vm_state], &value), KVMLENS_VM_PAUSED);
}

static int count_values(void *arg, const struct metric *metric, const struct snap_vm *vm,
			const struct labels *labels, const struct metric_value *value)
{
	unsigned *n = arg;

	CU_ASSERT_EQUAL(metric_scope_in_vm(metric->scope), vm != NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(labels);
	*n += 1;
	return 0;
}

static int count_vm_samples(void *arg, const struct kvmlens_sample *sample)
{
	unsigned *n = arg;

	for (size_t i = 0; i < sample->n_labels; i++)
		if (!strcmp(sample->labels[i].key, "uuid"))
			*n += 1;
	return 0;
}

static unsigned series_of_a_vm(enum kvmlens_level level)
{
	struct fake_spec spec = {
		.vms = 1, .vcpus = 4, .level = level, .everything = true, .worst = true};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	unsigned n = 0;

	/* A VM that is down has nothing else: it is not worst. */
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		struct snap_vm *vm = entities_at(&snapshot->vms, i);

		while (vm->downs.n)
			entities_remove(&vm->downs, 0);
	}
	kvmlens_snapshot_walk(snapshot, count_vm_samples, &n);
	kvmlens_snapshot_unref(snapshot);
	return n;
}

/* Of a VM with 4 vCPUs, 3 disks and 2 interfaces, when all is there that can be. */
static void test_series_budget(void)
{
	unsigned basic = series_of_a_vm(KVMLENS_BASIC);
	unsigned standard = series_of_a_vm(KVMLENS_STANDARD);
	unsigned detailed = series_of_a_vm(KVMLENS_DETAILED);
	unsigned diagnostic = series_of_a_vm(KVMLENS_DIAGNOSTIC);

	printf("\n    series of a VM: basic %u, standard %u, detailed %u, diagnostic %u ", basic,
	       standard, detailed, diagnostic);
	CU_ASSERT_TRUE(basic >= 8 && basic <= 24);
	CU_ASSERT_TRUE(standard > basic && standard <= 80 + 16 * FAKE_DISKS + 12 * FAKE_NICS);
	CU_ASSERT_TRUE(detailed > standard && detailed <= DETAILED_MOST);
	CU_ASSERT_TRUE(diagnostic > detailed && diagnostic <= DIAGNOSTIC_MOST);
}

static void test_groups(void)
{
	struct fake_spec spec = {.vms = 2, .vcpus = 1, .level = KVMLENS_DIAGNOSTIC};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	unsigned all = 0, without = 0;

	metric_walk(snapshot, &metrics[M_vm_cpu_usage], count_values, &all);
	CU_ASSERT_EQUAL(all, 2);
	snapshot->groups = KVMLENS_MEMORY;
	metric_walk(snapshot, &metrics[M_vm_cpu_usage], count_values, &without);
	CU_ASSERT_EQUAL(without, 0);
	metric_walk(snapshot, &metrics[M_vm_up], count_values, &without);
	CU_ASSERT_EQUAL(without, 2);
	kvmlens_snapshot_unref(snapshot);
}

static void test_levels_apart(void)
{
	struct fake_spec spec = {.vms = 2, .vcpus = 3, .level = KVMLENS_BASIC};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	struct snap_vm *vm = entities_at(&snapshot->vms, 1);
	unsigned n = 0;

	vm->level = KVMLENS_DETAILED;
	metric_walk(snapshot, &metrics[M_vm_cpu_core_usage], count_values, &n);
	CU_ASSERT_EQUAL(n, 3);
	kvmlens_snapshot_unref(snapshot);
}

static int stop_at_once(void *arg, const struct metric *metric, const struct snap_vm *vm,
			const struct labels *labels, const struct metric_value *value)
{
	unsigned *n = arg;

	*n += 1;
	return -ECANCELED;
}

static void test_walk_ends(void)
{
	struct fake_spec spec = {.vms = 3, .vcpus = 2, .level = KVMLENS_DIAGNOSTIC};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	unsigned n = 0, all = 0;

	CU_ASSERT_EQUAL(metric_walk(snapshot, NULL, stop_at_once, &n), -ECANCELED);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(metric_walk(snapshot, NULL, count_values, &all), 0);
	CU_ASSERT_TRUE(all > 300);
	kvmlens_snapshot_unref(snapshot);
}

/* Sums up the parts of one histogram as they come through the public walk. */
struct parts {
	unsigned buckets;
	double last, count, sum;
};

static int collect_parts(void *arg, const struct kvmlens_sample *sample)
{
	struct parts *parts = arg;

	if (!strcmp(sample->metric, "vm.cpu.wake_latency_seconds_bucket")) {
		CU_ASSERT_STRING_EQUAL(sample->labels[sample->n_labels - 1].key, "le");
		CU_ASSERT_TRUE(sample->value >= parts->last);
		parts->last = sample->value;
		parts->buckets++;
	} else if (!strcmp(sample->metric, "vm.cpu.wake_latency_seconds_sum")) {
		parts->sum = sample->value;
	} else if (!strcmp(sample->metric, "vm.cpu.wake_latency_seconds_count")) {
		CU_ASSERT_EQUAL(sample->n_labels, 2);
		parts->count = sample->value;
	}
	return 0;
}

static void test_public_histogram(void)
{
	struct fake_spec spec = {.vms = 1, .vcpus = 1, .level = KVMLENS_DETAILED};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	const struct snap_vm *vm = entities_at(&snapshot->vms, 0);
	struct parts parts = {0};

	CU_ASSERT_EQUAL(kvmlens_snapshot_walk(snapshot, collect_parts, &parts), 0);
	CU_ASSERT_EQUAL(parts.buckets, HIST_BUCKETS);
	CU_ASSERT_EQUAL(parts.count, hist_total(&vm->wake_hist));
	CU_ASSERT_EQUAL(parts.last, parts.count);
	CU_ASSERT_DOUBLE_EQUAL(parts.sum, vm->wake_hist.sum_ns / 1e9, 1e-9);
	kvmlens_snapshot_unref(snapshot);
}

static void test_hist(void)
{
	struct hist hist = {.shift = 10, .valid = true}, copy = {0}, since;
	char bound[HIST_BOUND_MAX];

	CU_ASSERT_TRUE(isnan(hist_quantile(&hist, 0.5)));
	hist.count[0] = 10;
	hist.count[1] = 10;
	hist.sum_ns = 10 * 1000 + 10 * 2000;
	CU_ASSERT_DOUBLE_EQUAL(hist_quantile(&hist, 0.25), 512, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(hist_quantile(&hist, 0.5), 1024, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(hist_quantile(&hist, 1), 2048, 1e-6);
	hist.count[HIST_BUCKETS - 1] = 1000;
	CU_ASSERT_DOUBLE_EQUAL(hist_quantile(&hist, 0.99), (double)(1ull << 32), 1e-6);
	hist_bound(&hist, 0, bound);
	CU_ASSERT_STRING_EQUAL(bound, "1.024e-06");
	hist_bound(&hist, 22, bound);
	CU_ASSERT_STRING_EQUAL(bound, "4.294967296");
	hist_bound(&hist, 23, bound);
	CU_ASSERT_STRING_EQUAL(bound, "+Inf");
	hist_add(&copy, &hist);
	hist_add(&copy, &hist);
	CU_ASSERT_EQUAL(hist_total(&copy), 2 * hist_total(&hist));
	since = hist_since(&copy, &hist);
	CU_ASSERT_TRUE(since.valid);
	CU_ASSERT_EQUAL(memcmp(since.count, hist.count, sizeof(hist.count)), 0);
	CU_ASSERT_FALSE(hist_since(&hist, &copy).valid);
}

static void test_ident(void)
{
	struct vm_ident *a = vm_ident_new("web", NULL, 4711, 1, false);
	struct vm_ident *b = vm_ident_new("web", NULL, 4711, 2, true);
	struct vm_ident *c = vm_ident_new("web", NULL, 4712, 1, false); /* restarted */

	CU_ASSERT_EQUAL(strlen(a->uuid), 36);
	CU_ASSERT_STRING_EQUAL(a->uuid, b->uuid);
	CU_ASSERT_STRING_EQUAL(a->uuid, c->uuid);
	CU_ASSERT_STRING_EQUAL(labels_get(a->labels, "vm"), "web");
	CU_ASSERT_STRING_EQUAL(labels_get(a->labels, "uuid"), a->uuid);
	vm_ident_unref(vm_ident_ref(a));
	vm_ident_unref(a);
	vm_ident_unref(b);
	vm_ident_unref(c);
	vm_ident_unref(NULL);
}

static void test_refs(void)
{
	struct fake_spec spec = {.vms = 2, .vcpus = 2};
	const struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);

	CU_ASSERT_PTR_EQUAL(kvmlens_snapshot_ref(snapshot), snapshot);
	kvmlens_snapshot_unref(snapshot);
	CU_ASSERT_EQUAL(kvmlens_snapshot_time(snapshot), 1700000010000ll);
	kvmlens_snapshot_unref(snapshot);
	kvmlens_snapshot_unref(NULL);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"every row is complete and found by both names", test_names},
		{"names keep the rules of promtool", test_naming_rules},
		{"families have names of their own", test_families_unique},
		{"the nearest name", test_nearest},
		{"values unknown are not read", test_read},
		{"budget of series", test_series_budget},
		{"groups", test_groups},
		{"a level of its own for a VM", test_levels_apart},
		{"a walk ends when told", test_walk_ends},
		{"histograms in the public walk", test_public_histogram},
		{"histogram sums", test_hist},
		{"identity without a uuid", test_ident},
		{"references", test_refs},
		CU_TEST_INFO_NULL,
	};

	return suite_run("metric", tests);
}
