// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#include "export/format.h"
#include "export/prometheus.h"
#include "metric/hist.h"
#include "metric/metric.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

/* The page as a string. */
static char *page(const struct kvmlens_snapshot *snapshot, bool openmetrics)
{
	textbuf_auto out = {0};

	if (openmetrics)
		openmetrics_render(snapshot, &out);
	else
		prometheus_render(snapshot, &out);
	return g_strndup(out.data, out.len);
}

static char *page_of(const struct fake_spec *spec, bool openmetrics)
{
	struct kvmlens_snapshot *snapshot = fake_snapshot(spec);
	char *text = page(snapshot, openmetrics);

	kvmlens_snapshot_unref(snapshot);
	return text;
}

static bool has_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	while (at && ((at != text && at[-1] != '\n') || at[strlen(line)] != '\n'))
		at = strstr(at + 1, line);
	return at != NULL;
}

static void test_lines(void)
{
	struct fake_spec spec = {.vms = 1, .vcpus = 2, .level = KVMLENS_DETAILED};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	struct snap_vm *vm = entities_at(&snapshot->vms, 0);
	struct snap_vcpu *vcpu = entities_at(&vm->cpus, 1);
	g_autofree char *text = NULL;

	vm->time.run = 12345678900000000001ull;
	vm->time.ready = 5;
	vm->time.steal = ABSENT;
	vm->rate.usage = 12.25;
	vm->rate.ready = vm->ready_max = NAN;
	vcpu->time.run = 3000000000;
	text = page(snapshot, false);
	CU_ASSERT_TRUE(has_line(text, "# HELP vm_up 1 while the process of the VM is alive."));
	CU_ASSERT_TRUE(has_line(text, "# TYPE vm_cpu_run_seconds_total counter"));
	CU_ASSERT_TRUE(has_line(text, "# TYPE vm_cpu_usage gauge"));
	CU_ASSERT_TRUE(has_line(text,
				"vm_cpu_run_seconds_total{vm=\"vm-0000\",uuid=\"00000000-0000-"
				"4000-8000-000000000000\"} 12345678900.000000001"));
	CU_ASSERT_TRUE(has_line(text, "vm_cpu_ready_seconds_total{vm=\"vm-0000\",uuid=\"00000000-"
				      "0000-4000-8000-000000000000\"} 0.000000005"));
	CU_ASSERT_TRUE(has_line(text, "vm_cpu_usage{vm=\"vm-0000\",uuid=\"00000000-0000-4000-8000-"
				      "000000000000\"} 12.25"));
	CU_ASSERT_TRUE(has_line(text,
				"vm_cpu_core_run_seconds_total{vm=\"vm-0000\",uuid=\"00000000-"
				"0000-4000-8000-000000000000\",vcpu=\"1\"} 3"));
	CU_ASSERT_TRUE(has_line(text, "host_cpu_online 4"));
	/* Of two unknown values one's metric has no other value and is gone altogether. */
	CU_ASSERT_PTR_NULL(strstr(text, "vm_cpu_steal_seconds_total"));
	CU_ASSERT_PTR_NULL(strstr(text, "vm_cpu_ready_time"));
	CU_ASSERT_PTR_NULL(strstr(text, "# EOF"));
	kvmlens_snapshot_unref(snapshot);
}

static void test_histogram(void)
{
	struct fake_spec spec = {.vms = 1, .vcpus = 1, .level = KVMLENS_DETAILED};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	struct snap_vm *vm = entities_at(&snapshot->vms, 0);
	g_autofree char *text = NULL;

	vm->wake_hist = (struct hist){.shift = 10, .sum_ns = 1500000000, .valid = true};
	vm->wake_hist.count[0] = 2;
	vm->wake_hist.count[2] = 3;
	vm->wake_hist.count[HIST_BUCKETS - 1] = 1;
	vm->preempt_hist.valid = false;
	text = page(snapshot, false);
#define IDS "vm=\"vm-0000\",uuid=\"00000000-0000-4000-8000-000000000000\""
#define HIST "vm_cpu_wake_latency_seconds"
	CU_ASSERT_TRUE(has_line(text, "# TYPE " HIST " histogram"));
	CU_ASSERT_TRUE(has_line(text, HIST "_bucket{" IDS ",le=\"1.024e-06\"} 2"));
	CU_ASSERT_TRUE(has_line(text, HIST "_bucket{" IDS ",le=\"2.048e-06\"} 2"));
	CU_ASSERT_TRUE(has_line(text, HIST "_bucket{" IDS ",le=\"4.096e-06\"} 5"));
	CU_ASSERT_TRUE(has_line(text, HIST "_bucket{" IDS ",le=\"4.294967296\"} 5"));
	CU_ASSERT_TRUE(has_line(text, HIST "_bucket{" IDS ",le=\"+Inf\"} 6"));
	CU_ASSERT_TRUE(has_line(text, HIST "_sum{" IDS "} 1.500000000"));
	CU_ASSERT_TRUE(has_line(text, HIST "_count{" IDS "} 6"));
	CU_ASSERT_PTR_NULL(strstr(text, "vm_cpu_preempt_wait_seconds"));
	kvmlens_snapshot_unref(snapshot);
}

static void test_openmetrics(void)
{
	struct fake_spec spec = {.vms = 2, .vcpus = 2, .level = KVMLENS_DIAGNOSTIC};
	g_autofree char *text = page_of(&spec, true);

	CU_ASSERT_TRUE(g_str_has_suffix(text, "\n# EOF\n"));
	CU_ASSERT_TRUE(has_line(text, "# TYPE vm_cpu_run_seconds counter"));
	CU_ASSERT_TRUE(has_line(text, "# UNIT vm_cpu_run_seconds seconds"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nvm_cpu_run_seconds_total{"));
	CU_ASSERT_TRUE(has_line(text, "# TYPE vm info"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nvm_info{"));
	CU_ASSERT_TRUE(has_line(text, "# UNIT kvmlens_memory_resident_bytes bytes"));
	CU_ASSERT_TRUE(has_line(text, "# TYPE vm_cpu_switches counter"));
	CU_ASSERT_PTR_NULL(strstr(text, "# UNIT vm_cpu_switches"));
	CU_ASSERT_PTR_NULL(strstr(text, "# UNIT vm_cpu_usage"));
}

/* Each metric has its lines in one block, headed once. */
static void test_blocks(void)
{
	struct fake_spec spec = {.vms = 5, .vcpus = 3, .level = KVMLENS_DIAGNOSTIC};
	g_autofree char *text = page_of(&spec, false);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	const char *family = "";

	for (char **line = lines; *line && **line; line++) {
		if (g_str_has_prefix(*line, "# HELP ")) {
			family = *line + strlen("# HELP ");
			*strchr(family, ' ') = 0;
			CU_ASSERT_TRUE(g_hash_table_add(seen, (void *)family));
		} else if (**line != '#') {
			CU_ASSERT_TRUE(g_str_has_prefix(*line, family));
		}
	}
	CU_ASSERT_TRUE(g_hash_table_size(seen) >= 100);
}

/* A series once a page: no two lines have the same name and labels. */
static void test_no_series_twice(void)
{
	struct fake_spec spec = fake_hostile_spec(20, 3, KVMLENS_DIAGNOSTIC);
	g_autofree char *text = page_of(&spec, false);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	unsigned n = 0;

	for (char **line = lines; *line && **line; line++) {
		if (**line == '#')
			continue;
		*strrchr(*line, ' ') = 0;
		CU_ASSERT_TRUE(g_hash_table_add(seen, *line));
		n++;
	}
	CU_ASSERT_TRUE(n > 4000);
}

static void test_levels_and_groups(void)
{
	struct fake_spec spec = {.vms = 2, .vcpus = 1, .level = KVMLENS_BASIC};
	struct kvmlens_snapshot *snapshot = fake_snapshot(&spec);
	struct snap_vm *second = entities_at(&snapshot->vms, 1);
	g_autofree char *text = NULL, *without = NULL;

	second->level = KVMLENS_DETAILED;
	text = page(snapshot, false);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nvm_cpu_core_usage{vm=\"vm-0001\""));
	CU_ASSERT_PTR_NULL(strstr(text, "\nvm_cpu_core_usage{vm=\"vm-0000\""));
	snapshot->groups = KVMLENS_DISK;
	without = page(snapshot, false);
	CU_ASSERT_PTR_NULL(strstr(without, "vm_cpu_"));
	CU_ASSERT_PTR_NOT_NULL(strstr(without, "\nvm_up{vm=\"vm-0001\""));
	kvmlens_snapshot_unref(snapshot);
}

static void test_empty(void)
{
	struct kvmlens_snapshot *snapshot = snapshot_new();
	g_autofree char *text = page(snapshot, false), *open = page(snapshot, true);

	CU_ASSERT_STRING_EQUAL(text, "");
	CU_ASSERT_STRING_EQUAL(open, "# EOF\n");
	kvmlens_snapshot_unref(snapshot);
}

/* The judge: the real promtool, which complains on its standard error and by its result. */
static void promtool(const struct fake_spec *spec)
{
	g_autofree char *text = page_of(spec, false);
	g_autofree char *path = NULL, *command = NULL, *said = NULL;
	int fd = g_file_open_tmp("kvmlens-page-XXXXXX", &path, NULL), status = -1;

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	close(fd);
	CU_ASSERT_TRUE(g_file_set_contents(path, text, -1, NULL));
	command = g_strdup_printf("sh -c 'promtool check metrics <%s 2>&1'", path);
	CU_ASSERT_TRUE(g_spawn_command_line_sync(command, &said, NULL, &status, NULL));
	if (status || (said && *said))
		fprintf(stderr, "promtool at level %d: %s\n", spec->level, said);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_STRING_EQUAL(said, "");
	remove(path);
}

static void test_promtool(void)
{
	g_autofree char *found = g_find_program_in_path("promtool");

	if (!found) {
		printf("\n    not judged by promtool: it is not installed (package prometheus) ");
		return;
	}
	for (int level = KVMLENS_BASIC; level <= KVMLENS_DIAGNOSTIC; level++) {
		struct fake_spec plain = {.vms = 3, .vcpus = 4, .level = level, .everything = true};
		struct fake_spec hostile = fake_hostile_spec(16, 2, level);

		promtool(&plain);
		promtool(&hostile);
	}
}

static void test_formats(void)
{
	const struct export_format *format = export_format_get(FORMAT_OPENMETRICS);

	CU_ASSERT_PTR_NOT_NULL_FATAL(format);
	CU_ASSERT_STRING_EQUAL(format->name, "openmetrics");
	CU_ASSERT_PTR_EQUAL(format->render, openmetrics_render);
	CU_ASSERT_PTR_NULL(export_format_get(FORMAT_NONE));
}

/* The hot loop copies a name in one piece. */
static void test_name_lengths(void)
{
	for (size_t i = 0; i < n_metrics; i++)
		CU_ASSERT_TRUE(strlen(metrics[i].prom) < 64);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"lines of every kind", test_lines},
		{"histograms", test_histogram},
		{"OpenMetrics", test_openmetrics},
		{"one block a metric", test_blocks},
		{"no series twice", test_no_series_twice},
		{"levels and groups", test_levels_and_groups},
		{"an empty snapshot", test_empty},
		{"promtool has no complaint", test_promtool},
		{"formats by name", test_formats},
		{"length of names", test_name_lengths},
		CU_TEST_INFO_NULL,
	};

	return suite_run("prometheus", tests);
}
