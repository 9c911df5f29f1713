// SPDX-License-Identifier: Apache-2.0
/* Interfaces of a snapshot: what providers say of them, what two readings make of it. */
#include <math.h>
#include <string.h>
#include "core/nic_rates.h"
#include "core/nics.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"
#include "util/sampler.h"

#define S 1000000000ull

struct rig {
	struct vmlabels *labels;
	struct vm_ident *ident;
	struct kvmlens_vm_stats stats;
};

static void rig_begin(struct rig *rig)
{
	rig->labels = vmlabels_new(NULL, 0);
	rig->ident = vm_ident_new("web", NULL, 4711, 1, false);
	kvmlens_vm_stats_init(&rig->stats);
}

static void rig_end(struct rig *rig)
{
	kvmlens_vm_stats_clear(&rig->stats);
	vm_ident_unref(rig->ident);
	vmlabels_free(rig->labels);
}

static void nic(struct rig *rig, const char *name, uint64_t n)
{
	struct kvmlens_nic_stats *stats = kvmlens_vm_stats_add_nic(&rig->stats, name);

	stats->rx_bytes = 1000 * n;
	stats->tx_bytes = 2000 * n;
	stats->rx_packets = 10 * n;
	stats->rx_dropped = 3 * n;
	stats->tx_dropped = n;
}

static struct kvmlens_snapshot *take(struct rig *rig, uint64_t mono_ns)
{
	struct kvmlens_snapshot *snapshot = snapshot_new();
	struct snap_vm *vm;

	entities_alloc(&snapshot->vms, 1, sizeof(struct snap_vm));
	vm = entities_at(&snapshot->vms, 0);
	vm->ident = vm_ident_ref(rig->ident);
	vm->labels = labels_ref(rig->ident->labels);
	nics_fill(NULL, rig->labels, &rig->stats, mono_ns, vm);
	kvmlens_vm_stats_clear(&rig->stats);
	return snapshot;
}

static struct snap_vm *vm_of(struct kvmlens_snapshot *snapshot)
{
	return entities_at(&snapshot->vms, 0);
}

static void test_two_readings(void)
{
	struct kvmlens_snapshot *was, *now;
	const struct snap_nic *first;
	struct rig rig;

	rig_begin(&rig);
	nic(&rig, "vnet0", 1);
	nic(&rig, "vnet1", 10);
	was = take(&rig, 10 * S);
	nic_rates_derive(vm_of(was), NULL);
	CU_ASSERT_TRUE(isnan(vm_of(was)->network.rx_bytes));
	nic(&rig, "vnet0", 5);
	nic(&rig, "vnet1", 12);
	nic(&rig, "vnet2", 1); /* plugged in since */
	now = take(&rig, 12 * S);
	nic_rates_derive(vm_of(now), vm_of(was));
	CU_ASSERT_EQUAL_FATAL(vm_of(now)->nics.n, 3);
	first = entities_at(&vm_of(now)->nics, 0);
	CU_ASSERT_STRING_EQUAL(labels_get(first->labels, "nic"), "vnet0");
	CU_ASSERT_EQUAL(first->rate.rx_bytes, 2000);
	CU_ASSERT_EQUAL(first->rate.tx_bytes, 4000);
	CU_ASSERT_EQUAL(first->rate.rx_packets, 20);
	CU_ASSERT_TRUE(isnan(first->rate.rx_errors)); /* nobody says */
	CU_ASSERT_TRUE(
		isnan(((struct snap_nic *)entities_at(&vm_of(now)->nics, 2))->rate.rx_bytes));
	CU_ASSERT_EQUAL(vm_of(now)->network.rx_bytes, 2000 + 1000);
	CU_ASSERT_EQUAL(vm_of(now)->network.tx_bytes, 4000 + 2000);
	CU_ASSERT_EQUAL(vm_of(now)->network.dropped, 6 + 2 + 3 + 1);
	kvmlens_snapshot_unref(was);
	kvmlens_snapshot_unref(now);
	rig_end(&rig);
}

/* A reading that was seen before keeps its rates; a counter that went back begins anew. */
static void test_same_and_reset(void)
{
	struct kvmlens_snapshot *first, *second, *third;
	struct rig rig;

	rig_begin(&rig);
	nic(&rig, "vnet0", 1);
	first = take(&rig, 10 * S);
	nic_rates_derive(vm_of(first), NULL);
	((struct snap_nic *)vm_of(first)->nics.v)->rate.rx_bytes = 77;
	nic(&rig, "vnet0", 1);
	second = take(&rig, 10 * S);
	nic_rates_derive(vm_of(second), vm_of(first));
	CU_ASSERT_EQUAL(vm_of(second)->network.rx_bytes, 77);
	nic(&rig, "vnet0", 0);
	third = take(&rig, 11 * S);
	nic_rates_derive(vm_of(third), vm_of(second));
	CU_ASSERT_TRUE(isnan(vm_of(third)->network.rx_bytes));
	kvmlens_snapshot_unref(first);
	kvmlens_snapshot_unref(second);
	kvmlens_snapshot_unref(third);
	rig_end(&rig);
}

/* ------- */

struct source {
	gint runs;
	gint hang; /* 1: the next run waits until it is 0 */
};

static gpointer read_source(void *arg)
{
	struct source *source = arg;
	int *result;

	while (g_atomic_int_get(&source->hang))
		g_usleep(1000);
	g_atomic_int_inc(&source->runs);
	if (g_atomic_int_get(&source->runs) == 2)
		return NULL;
	result = g_atomic_rc_box_new0(int);
	*result = g_atomic_int_get(&source->runs);
	return result;
}

static void nothing(gpointer data)
{
}

static const struct sampler_ops source_ops = {"test", read_source, nothing, g_free};

static int newest(struct sampler *sampler)
{
	int *result = sampler_result(sampler), value = result ? *result : 0;

	sampler_unref_result(sampler, result);
	return value;
}

static void await(struct source *source, int runs)
{
	while (g_atomic_int_get(&source->runs) < runs)
		g_usleep(1000);
}

static void test_sampler(void)
{
	struct source *source = g_new0(struct source, 1);
	struct sampler *sampler = sampler_new(&source_ops, source);

	CU_ASSERT_EQUAL(newest(sampler), 0);
	CU_ASSERT_EQUAL_FATAL(sampler_start(sampler), 0);
	sampler_wait(sampler, 60000);
	CU_ASSERT_EQUAL(newest(sampler), 1);
	sampler_kick(sampler, 1);
	await(source, 2);
	while (!sampler_failures(sampler))
		g_usleep(1000);
	CU_ASSERT_EQUAL(newest(sampler), 1); /* the second reading failed: the first one stands */
	sampler_kick(sampler, 1);
	await(source, 3);
	while (newest(sampler) != 3)
		g_usleep(1000);
	sampler_free(sampler);
}

/* A reading that hangs holds up neither who asks for results nor the end. */
static void test_sampler_hangs(void)
{
	struct source *source = g_new0(struct source, 1);
	struct sampler *sampler = sampler_new(&source_ops, source);

	CU_ASSERT_EQUAL_FATAL(sampler_start(sampler), 0);
	sampler_wait(sampler, 60000);
	g_atomic_int_set(&source->hang, 1);
	sampler_kick(sampler, 1);
	g_usleep(50000);
	sampler_kick(sampler, 1);
	CU_ASSERT_EQUAL(newest(sampler), 1);
	CU_ASSERT_TRUE(sampler_failures(sampler) >= 1);
	sampler_free(sampler); /* gives up waiting */
	g_atomic_int_set(&source->hang, 0); /* the thread frees source */
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"rates of two readings", test_two_readings},
		{"the same reading, and a reset", test_same_and_reset},
		{"readings on a thread", test_sampler},
		{"a reading that hangs", test_sampler_hangs},
		CU_TEST_INFO_NULL,
	};

	return suite_run("nics", tests);
}
