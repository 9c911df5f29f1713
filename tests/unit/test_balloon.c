// SPDX-License-Identifier: Apache-2.0
/* Memory by the balloon's reports: values, rates, and reports that stand still. */
#include <math.h>
#include <string.h>
#include "core/balloon.h"
#include "core/guest.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

#define S 1000000000ull
#define MIB (1ull << 20)
#define EPOCH 1700000000

static struct kvmlens_memory_stats report(uint64_t at, uint64_t n)
{
	struct kvmlens_memory_stats m;

	memset(&m, 0xff, sizeof(m));
	m.maximum = 512 * MIB;
	m.balloon_current = 256 * MIB;
	m.available = 200 * MIB;
	m.unused = 50 * MIB;
	m.usable = 150 * MIB;
	m.minor_faults = 1000 * n;
	m.major_faults = 10 * n;
	m.swap_in = 8192 * n;
	m.last_update = EPOCH + at;
	return m;
}

/* One tick at so many seconds, with memory read then (or NULL). */
static struct snap_vm tick(uint64_t at, const struct kvmlens_memory_stats *memory,
			   const struct snap_vm *before)
{
	struct balloon_now now = {EPOCH + (int64_t)at, 5000 * S + at * S, S};
	struct snap_vm vm = {.level = KVMLENS_STANDARD};
	g_autoptr(guest_view) view = NULL;

	balloon_fill(memory, now.mono_ns, &now, before, &vm);
	view = balloon_view(memory, &now, before, &vm);
	guest_fill(&vm, before, view);
	return vm;
}

static void clear(struct snap_vm *vm)
{
	guest_view_unref(vm->guest.view);
	guest_view_unref(vm->guest.prev);
}

static void test_values(void)
{
	struct kvmlens_memory_stats first = report(0, 1), second = report(2, 3);
	struct snap_vm a = tick(0, &first, NULL), b = tick(2, &second, &a), c;

	CU_ASSERT_EQUAL(a.guest.mem_total, 200 * MIB);
	CU_ASSERT_EQUAL(a.guest.mem_used, 50 * MIB);
	CU_ASSERT_EQUAL(a.guest.mem_free, 50 * MIB);
	CU_ASSERT_EQUAL(a.guest.mem_percent, 25);
	CU_ASSERT_EQUAL(a.guest.faults, 1000);
	CU_ASSERT_EQUAL(a.guest.swap_in, 8192);
	CU_ASSERT_EQUAL(a.guest.swap_out, ABSENT);
	CU_ASSERT_EQUAL(a.guest.swap_total, ABSENT);
	CU_ASSERT_EQUAL(a.guest.processes, ABSENT);
	CU_ASSERT_TRUE(isnan(a.guest.faults_rate));
	CU_ASSERT_EQUAL(a.balloon.current, 256 * MIB);
	CU_ASSERT_EQUAL(a.balloon.target, ABSENT);
	CU_ASSERT_DOUBLE_EQUAL(b.guest.faults_rate, 1000, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(b.guest.major_rate, 10, 1e-9);
	CU_ASSERT_EQUAL(b.balloon.target, 256 * MIB);
	/* The same report again: its rates stand. */
	c = tick(3, &second, &b);
	CU_ASSERT_DOUBLE_EQUAL(c.guest.faults_rate, 1000, 1e-9);
	CU_ASSERT_EQUAL(c.balloon.age, 1);
	clear(&a);
	clear(&b);
	clear(&c);
}

/* A balloon that moves has no target that anybody knows. */
static void test_moving(void)
{
	struct kvmlens_memory_stats first = report(0, 1), second = report(1, 2);
	struct snap_vm a = tick(0, &first, NULL), b, c;

	second.balloon_current = 200 * MIB;
	b = tick(1, &second, &a);
	CU_ASSERT_EQUAL(b.balloon.current, 200 * MIB);
	CU_ASSERT_EQUAL(b.balloon.target, ABSENT);
	c = tick(2, &second, &b);
	CU_ASSERT_EQUAL(c.balloon.target, 200 * MIB);
	clear(&a);
	clear(&b);
	clear(&c);
}

static void test_stale(void)
{
	struct kvmlens_memory_stats first = report(0, 1), second = report(10, 2), never = second;
	struct snap_vm a = tick(0, &first, NULL), b = tick(10, &second, &a), c, d, e;

	CU_ASSERT_EQUAL(b.balloon.period_s, 10);
	c = tick(35, &second, &b); /* three periods of 10 s and some grace */
	CU_ASSERT_TRUE(c.balloon.fresh);
	CU_ASSERT_EQUAL(c.guest.mem_total, 200 * MIB);
	d = tick(46, &second, &c);
	CU_ASSERT_FALSE(d.balloon.fresh);
	CU_ASSERT_EQUAL(d.guest.mem_total, ABSENT);
	CU_ASSERT_TRUE(isnan(d.guest.faults_rate));
	CU_ASSERT_EQUAL(d.balloon.current, 256 * MIB); /* that the host knows itself */
	never.last_update = ABSENT;
	e = tick(46, &never, NULL);
	CU_ASSERT_EQUAL(e.guest.mem_total, ABSENT);
	CU_ASSERT_EQUAL(e.balloon.current, 256 * MIB);
	clear(&a);
	clear(&b);
	clear(&c);
	clear(&d);
	clear(&e);
}

static void test_nothing(void)
{
	struct snap_vm vm = tick(0, NULL, NULL);

	CU_ASSERT_EQUAL(vm.balloon.current, ABSENT);
	CU_ASSERT_EQUAL(vm.balloon.update_s, ABSENT);
	CU_ASSERT_PTR_NULL(vm.guest.view);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"values and rates", test_values},
		{"a balloon that moves", test_moving},
		{"a report that stands still", test_stale},
		{"no report at all", test_nothing},
		CU_TEST_INFO_NULL,
	};

	return suite_run("balloon", tests);
}
