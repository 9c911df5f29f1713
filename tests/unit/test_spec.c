// SPDX-License-Identifier: Apache-2.0
/* The names that were promised: each is in the catalogue, exactly so, with all that tells of it. */
#include <stdio.h>
#include <string.h>
#include "metric/metric.h"
#include "unit/suite.h"

static const struct {
	const char *name, *unit;
} promised[] = {
	{"vm.cpu.usage", "percent"},
	{"vm.cpu.core.usage", "percent"},
	{"vm.cpu.steal_time", "percent"},
	{"vm.cpu.ready_time", "percent"},
	{"vm.cpu.system_time", "percent"},
	{"vm.cpu.user_time", "percent"},
	{"vm.cpu.iowait_time", "percent"},
	{"vm.memory.usage_percent", "percent"},
	{"vm.memory.used", "bytes"},
	{"vm.memory.total", "bytes"},
	{"vm.memory.free", "bytes"},
	{"vm.memory.swap_used", "bytes"},
	{"vm.memory.swap_total", "bytes"},
	{"vm.memory.page_faults", "1/s"},
	{"vm.memory.major_page_faults", "1/s"},
	{"vm.memory.balloon_target", "bytes"},
	{"vm.memory.balloon_current", "bytes"},
	{"vm.disk.usage_percent", "percent"},
	{"vm.disk.used", "bytes"},
	{"vm.disk.size", "bytes"},
	{"vm.disk.read_iops", "1/s"},
	{"vm.disk.write_iops", "1/s"},
	{"vm.disk.read_throughput", "bytes/s"},
	{"vm.disk.write_throughput", "bytes/s"},
	{"vm.disk.read_latency", "ms"},
	{"vm.disk.write_latency", "ms"},
	{"vm.network.rx_bytes", "bytes/s"},
	{"vm.network.tx_bytes", "bytes/s"},
	{"vm.network.rx_packets", "1/s"},
	{"vm.network.tx_packets", "1/s"},
	{"vm.network.rx_dropped", "1/s"},
	{"vm.network.tx_dropped", "1/s"},
	{"vm.network.rx_errors", "1/s"},
	{"vm.network.tx_errors", "1/s"},
	{"vm.process.cpu_usage", "percent"},
	{"vm.process.memory_usage", "bytes"},
	{"vm.process.memory_percent", "percent"},
	{"vm.process.read_iops", "1/s"},
	{"vm.process.write_iops", "1/s"},
	{"vm.process.read_throughput", "bytes/s"},
	{"vm.process.write_throughput", "bytes/s"},
	{"vm.process.open_files", "count"},
	{"vm.process.run_time", "s"},
};

static void test_promised(void)
{
	CU_ASSERT_EQUAL(G_N_ELEMENTS(promised), 43);
	for (size_t i = 0; i < G_N_ELEMENTS(promised); i++) {
		const struct metric *m = metric_find(promised[i].name);

		if (!m || strcmp(m->name, promised[i].name) || strcmp(m->unit, promised[i].unit)) {
			fprintf(stderr, "%s: %s, %s\n", promised[i].name, m ? m->name : "missing",
				m ? m->unit : "");
			CU_FAIL("a promised name is not there, or has another unit");
			continue;
		}
		CU_ASSERT_EQUAL(m->kind, METRIC_GAUGE);
		CU_ASSERT_TRUE(m->level <= KVMLENS_DETAILED);
		CU_ASSERT_NOT_EQUAL(m->group, 0);
		CU_ASSERT_TRUE(m->source[0] && strlen(m->help) > 10);
		CU_ASSERT_TRUE(metric_scope_in_vm(m->scope));
	}
}

/* And is alone: no two rows have one name. */
static void test_once(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(promised); i++) {
		size_t found = 0;

		for (size_t m = 0; m < n_metrics; m++)
			found += !strcmp(metrics[m].name, promised[i].name);
		CU_ASSERT_EQUAL(found, 1);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"promised names", test_promised},
		{"each of them once", test_once},
		CU_TEST_INFO_NULL,
	};

	return suite_run("specification", tests);
}
