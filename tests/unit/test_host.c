// SPDX-License-Identifier: Apache-2.0
/* The host's own figures: a tree with known numbers, what two readings make of it, bad bytes. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>
#include "core/host.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

#define S 1000000000ull
#define TREE "tests/data/host"

static char *tree(void)
{
	const char *top = g_getenv("TOP");

	return g_strdup_printf("%s/" TREE, top ?: ".");
}

static void release(struct host_reading *r)
{
	g_atomic_rc_box_release_full(r, host_reading_clear);
}

static void test_tree(void)
{
	g_autofree char *root = tree();
	struct host_reading *r = host_read(root);
	uint64_t tick = S / sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	CU_ASSERT_EQUAL(r->time.user, 1000 * tick);
	CU_ASSERT_EQUAL(r->time.guest_nice, 10 * tick);
	CU_ASSERT_EQUAL_FATAL(r->cpus->len, 3);
	CU_ASSERT_EQUAL(g_array_index(r->cpus, struct host_cpu_line, 2).id, 3);
	CU_ASSERT_EQUAL(g_array_index(r->cpus, struct host_cpu_line, 2).time.idle, 1000 * tick);
	CU_ASSERT_EQUAL(r->memory.total, 32768 * 1024);
	CU_ASSERT_EQUAL(r->memory.used, 16384 * 1024);
	CU_ASSERT_EQUAL(r->memory.percent, 50);
	CU_ASSERT_EQUAL(r->memory.cached, 4096 * 1024);
	CU_ASSERT_EQUAL(r->memory.swap_used, 1024 * 1024);
	CU_ASSERT_EQUAL(r->memory.swap_in, 3 * page);
	CU_ASSERT_EQUAL(r->memory.swap_out, 5 * page);
	CU_ASSERT_EQUAL(r->ksm.run, 1);
	CU_ASSERT_EQUAL(r->ksm.scans, 42);
	CU_ASSERT_EQUAL(r->ksm.sharing, 30 * page);
	CU_ASSERT_EQUAL(r->stalled[HOST_CPU][0], 123456000);
	CU_ASSERT_EQUAL(r->stalled[HOST_MEMORY][1], S);
	CU_ASSERT_EQUAL(r->stalled[HOST_IO][0], 77000);
	CU_ASSERT_EQUAL(r->stalled[HOST_IO][1], ABSENT);
	CU_ASSERT_EQUAL_FATAL(r->n_nodes, 2);
	CU_ASSERT_EQUAL(r->nodes[0].time.idle, 4000 * tick);
	CU_ASSERT_EQUAL(r->nodes[1].time.idle, 1000 * tick);
	CU_ASSERT_EQUAL(r->nodes[1].mem_free, 3192 * 1024);
	CU_ASSERT_EQUAL_FATAL(r->n_huge, 2);
	CU_ASSERT_EQUAL(r->huge[0].kib, 2048);
	CU_ASSERT_EQUAL(r->huge[0].pages + r->huge[0].free + r->huge[0].reserved, 8 + 5 + 2);
	release(r);
	CU_ASSERT_PTR_NULL(host_read("/nonexistent"));
}

/* One tick on: half of the time busy, 0.6 s of stalls in 2 s, a VM that ran 0.5 s. */
static struct host_reading *one_on(struct host_reading *r)
{
	struct host_reading *next = g_atomic_rc_box_new0(struct host_reading);

	*next = *r;
	next->cpus = g_array_copy(r->cpus);
	g_array_index(next->cpus, struct host_cpu_line, 0).time.user += S;
	next->mono_ns += 2 * S;
	next->time.user += 2 * S;
	next->time.idle += S;
	next->time.iowait += S;
	next->nodes[1].time.system += S;
	next->stalled[HOST_CPU][0] += 600000000;
	return next;
}

static struct kvmlens_snapshot *take(unsigned tick)
{
	struct fake_spec spec = {.vms = 2, .vcpus = 2, .level = KVMLENS_DETAILED, .tick = tick};
	struct kvmlens_snapshot *s = fake_snapshot(&spec);

	for (size_t i = 0; i < s->vms.n; i++) {
		struct snap_vm *vm = entities_at(&s->vms, i);

		vm->time.run = tick * S;
		for (size_t j = 0; j < vm->roles.n; j++)
			((struct snap_role *)entities_at(&vm->roles, j))->run = 7;
	}
	s->interval_ns = 2 * S;
	return s;
}

static struct snap_pressure *pressure(struct kvmlens_snapshot *s, size_t i)
{
	return entities_at(&s->pressures, i);
}

static void test_two_readings(void)
{
	g_autofree char *root = tree();
	struct host *host = host_new(root);
	struct host_reading *was = host_read(root), *now = one_on(was);
	struct kvmlens_snapshot *before = take(1), *after = take(2);
	struct snap_host *h = entities_at(&after->hosts, 0);
	struct snap_vm_state *running = NULL;

	host_fill_reading(host, was, before, NULL);
	CU_ASSERT_TRUE(isnan(((struct snap_host *)before->hosts.v)->cpu_usage));
	CU_ASSERT_TRUE(isnan(pressure(before, 0)->percent));
	host_fill_reading(host, now, after, before);
	CU_ASSERT_DOUBLE_EQUAL(h->cpu_usage, 50, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(h->cpu_idle, 50, 1e-9);
	/* Two VMs ran 1 s each, of 4 CPUs and 2 s. */
	CU_ASSERT_DOUBLE_EQUAL(h->cpu_vms, 25, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(h->cpu_own, 25, 1e-9);
	CU_ASSERT_EQUAL(h->vms_run_ns, 2 * S);
	CU_ASSERT_DOUBLE_EQUAL(pressure(after, 0)->percent, 30, 1e-9);
	CU_ASSERT_STRING_EQUAL(labels_get(pressure(after, 1)->labels, "kind"), "full");
	CU_ASSERT_EQUAL(pressure(after, 1)->percent, 0);
	CU_ASSERT_TRUE(isnan(pressure(after, 5)->percent));
	CU_ASSERT_EQUAL(((struct snap_node *)entities_at(&after->nodes, 1))->usage, 100);
	CU_ASSERT_EQUAL(after->host_cpus.n, 3);
	CU_ASSERT_STRING_EQUAL(
		labels_get(((struct snap_huge *)after->huge_pages.v)->labels, "size"), "2MiB");
	for (size_t i = 0; i < after->vm_states.n; i++)
		if (i == KVMLENS_VM_RUNNING)
			running = entities_at(&after->vm_states, i);
	CU_ASSERT_EQUAL(running->vms, 2);
	kvmlens_snapshot_unref(before);
	kvmlens_snapshot_unref(after);
	release(was);
	release(now);
	host_free(host);
}

static struct snap_node *node_of(struct kvmlens_snapshot *s, size_t i)
{
	return entities_at(&s->nodes, i);
}

static struct snap_host_cpu *cpu_of(struct kvmlens_snapshot *s, size_t i)
{
	return entities_at(&s->host_cpus, i);
}

/*
 * A tick that finds no newer reading shows the last interval's shares again, of CPUs and nodes as
 * well.
 */
static void test_same_reading(void)
{
	g_autofree char *root = tree();
	struct host *host = host_new(root);
	struct host_reading *was = host_read(root), *now = one_on(was);
	struct kvmlens_snapshot *s[3] = {take(1), take(2), take(3)};

	host_fill_reading(host, was, s[0], NULL);
	host_fill_reading(host, now, s[1], s[0]);
	host_fill_reading(host, now, s[2], s[1]);
	CU_ASSERT_DOUBLE_EQUAL(((struct snap_host *)s[2]->hosts.v)->cpu_usage, 50, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(pressure(s[2], 0)->percent, 30, 1e-9);
	CU_ASSERT_EQUAL(node_of(s[1], 1)->usage, 100);
	CU_ASSERT_EQUAL(node_of(s[2], 1)->usage, 100);
	CU_ASSERT_EQUAL(node_of(s[2], 1)->idle, 0);
	CU_ASSERT_EQUAL(cpu_of(s[1], 0)->usage, 100);
	CU_ASSERT_EQUAL(cpu_of(s[2], 0)->usage, 100);
	CU_ASSERT_EQUAL(cpu_of(s[2], 0)->idle, 0);
	for (int i = 0; i < 3; i++)
		kvmlens_snapshot_unref(s[i]);
	release(was);
	release(now);
	host_free(host);
}

/* No reading: what is known without one stays, nothing is zero. */
static void test_no_reading(void)
{
	struct host *host = host_new("/nonexistent");
	struct kvmlens_snapshot *s = take(1);
	struct snap_host *h = entities_at(&s->hosts, 0);

	host_fill_reading(host, NULL, s, NULL);
	CU_ASSERT_TRUE(isnan(h->cpu_usage));
	CU_ASSERT_EQUAL(h->memory.total, ABSENT);
	CU_ASSERT_EQUAL(h->ksm.run, ABSENT);
	CU_ASSERT_EQUAL(s->pressures.n + s->nodes.n + s->host_cpus.n + s->host_modes.n, 0);
	kvmlens_snapshot_unref(s);
	host_free(host);
}

static int stat_of(const char *text)
{
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(struct host_cpu_line));
	struct host_cpu_times sum;
	int r = host_parse_stat(text, strlen(text), 10000000, &sum, cpus);

	return r ?: (int)cpus->len;
}

static void test_bad_bytes(void)
{
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	uint64_t some, full;

	CU_ASSERT_EQUAL(stat_of(""), -EINVAL);
	CU_ASSERT_EQUAL(stat_of("cpu 1 2 3\n"), -EINVAL);
	CU_ASSERT_EQUAL(stat_of("cpux 1 2 3 4\n"), -EINVAL);
	CU_ASSERT_EQUAL(stat_of("cpu 1 2 3 -4\n"), -EINVAL);
	CU_ASSERT_EQUAL(stat_of("cpu 1 2 3 99999999999999999999\n"), -EINVAL);
	CU_ASSERT_EQUAL(stat_of("cpu  1 2 3 4\ncpu0 1 2 3 4\ncpuX 1 2 3 4\ncpu2 1 2 3 4"), 2);
	host_parse_pressure("some total=\nfull avg10=0.00\n", 29, &some, &full);
	CU_ASSERT_TRUE(some == ABSENT && full == ABSENT);
	CU_ASSERT_FALSE(host_parse_cpulist("0-", 2, cpus));
	CU_ASSERT_FALSE(host_parse_cpulist("0,,1", 4, cpus));
	CU_ASSERT_TRUE(host_parse_cpulist("\n", 1, cpus));
	g_array_set_size(cpus, 0);
	CU_ASSERT_TRUE(host_parse_cpulist("0-2,7\n", 6, cpus));
	CU_ASSERT_EQUAL(cpus->len, 4);
	CU_ASSERT_EQUAL(host_parse_number("12 \n", 4), 12);
	CU_ASSERT_EQUAL(host_parse_number("x", 1), ABSENT);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a tree with known numbers", test_tree},
		{"rates of two readings", test_two_readings},
		{"the same reading again", test_same_reading},
		{"no reading", test_no_reading},
		{"bytes that are none of it", test_bad_bytes},
		CU_TEST_INFO_NULL,
	};

	return suite_run("host", tests);
}
