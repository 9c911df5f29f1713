// SPDX-License-Identifier: Apache-2.0
/* Disks of a snapshot: what a provider says of them, and what two readings make of it. */
#include <math.h>
#include <string.h>
#include "core/disk_rates.h"
#include "core/disks.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

#define S 1000000000ull
#define MS 1000000ull

static const struct disk_io nothing = {.reads = ABSENT,
				       .writes = ABSENT,
				       .flushes = ABSENT,
				       .read_bytes = ABSENT,
				       .write_bytes = ABSENT,
				       .read_ns = ABSENT,
				       .write_ns = ABSENT,
				       .flush_ns = ABSENT};

static struct disk_io reading(uint64_t n, uint64_t seconds)
{
	return (struct disk_io){
		.reads = 10 * n,
		.writes = 20 * n,
		.flushes = 2 * n,
		.read_bytes = 40960 * n,
		.write_bytes = 81920 * n,
		.read_ns = 10 * n * MS,
		.write_ns = 20 * n * 3 * MS,
		.flush_ns = 2 * n * 7 * MS,
		.mono_ns = seconds * S,
	};
}

static void test_two_readings(void)
{
	struct disk_io was = reading(1, 10), now = reading(3, 14);
	struct disk_rates r;

	disk_rates_of(&now, &was, NULL, &r);
	CU_ASSERT_EQUAL(r.read_iops, 5);
	CU_ASSERT_EQUAL(r.write_iops, 10);
	CU_ASSERT_EQUAL(r.flush_iops, 1);
	CU_ASSERT_EQUAL(r.read_throughput, 20480);
	CU_ASSERT_EQUAL(r.write_throughput, 40960);
	CU_ASSERT_DOUBLE_EQUAL(r.read_ms, 1, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(r.write_ms, 3, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(r.flush_ms, 7, 1e-9);
}

/* The provider is asked less often than a snapshot is taken: its rates stand until it answers. */
static void test_same_reading(void)
{
	struct disk_io was = reading(1, 10), now = reading(1, 10);
	struct disk_rates had = {.read_iops = 42, .write_ms = 2}, r;

	disk_rates_of(&now, &was, &had, &r);
	CU_ASSERT_EQUAL(r.read_iops, 42);
	CU_ASSERT_EQUAL(r.write_ms, 2);
}

static void test_no_rate(void)
{
	struct disk_io was = reading(3, 10), now = reading(1, 12), none = nothing;
	struct disk_rates r;

	disk_rates_of(&now, NULL, NULL, &r);
	CU_ASSERT_TRUE(isnan(r.read_iops) && isnan(r.ops));
	disk_rates_of(&now, &was, NULL, &r); /* counters went back */
	CU_ASSERT_TRUE(isnan(r.read_iops) && isnan(r.write_throughput) && isnan(r.write_ms));
	none.mono_ns = 20 * S;
	disk_rates_of(&none, &now, NULL, &r);
	CU_ASSERT_TRUE(isnan(r.read_iops) && isnan(r.read_ms));
	was = reading(3, 11);
	now = reading(3, 12);
	disk_rates_of(&now, &was, NULL, &r); /* nothing was done: no latency, but a rate of 0 */
	CU_ASSERT_EQUAL(r.read_iops, 0);
	CU_ASSERT_TRUE(isnan(r.read_ms) && isnan(r.flush_ms));
}

static struct kvmlens_snapshot *one_vm(void)
{
	struct fake_spec spec = {.vms = 1, .vcpus = 1, .level = KVMLENS_DETAILED};

	return fake_snapshot(&spec);
}

static void add_device(struct snap_vm *vm, uint64_t n, uint64_t seconds, uint64_t ns)
{
	struct snap_device *device;

	entities_alloc(&vm->devices, 1, sizeof(*device));
	device = entities_at(&vm->devices, 0);
	device->labels = labels_new_one(vm->labels, "device", "sda");
	device->dev = 8 << 20;
	device->io = reading(n, seconds);
	device->io.read_ns = device->io.reads * ns;
	device->io.write_ns = device->io.writes * ns;
}

/* Labels are the same ones in every snapshot, so that a disk is known again by them. */
static void add_disks(struct snap_vm *vm, struct labels *const *labels, size_t disks, uint64_t n,
		      uint64_t seconds)
{
	entities_alloc(&vm->disks, disks, sizeof(struct snap_disk));
	for (size_t i = 0; i < disks; i++) {
		struct snap_disk *disk = entities_at(&vm->disks, i);

		disk->labels = labels_ref(labels[i]);
		disk->io = reading(n, seconds);
	}
}

static void test_three_latencies(void)
{
	struct kvmlens_snapshot *before = one_vm(), *now = one_vm();
	struct snap_vm *was = entities_at(&before->vms, 0), *vm = entities_at(&now->vms, 0);
	struct labels *labels[] = {labels_new_one(NULL, "disk", "vda"),
				   labels_new_one(NULL, "disk", "vdb")};

	add_disks(was, labels, 1, 1, 10);
	add_disks(vm, labels, 2, 3, 14);
	add_device(was, 1, 10, MS / 2);
	add_device(vm, 3, 14, MS / 2);
	disk_rates_derive(vm, was);
	/* vdb is new: the sum is that of vda alone, no jump. */
	CU_ASSERT_EQUAL(vm->disk_rate.write_iops, 10);
	CU_ASSERT_DOUBLE_EQUAL(vm->disk_ms, (20 * 1 + 40 * 3) / 60.0, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(vm->device_ms, 0.5, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(vm->queue_ms, vm->disk_ms - vm->device_ms, 1e-9);
	disk_rates_derive(vm, NULL);
	CU_ASSERT_TRUE(isnan(vm->disk_ms) && isnan(vm->device_ms) && isnan(vm->queue_ms));
	kvmlens_snapshot_unref(before);
	kvmlens_snapshot_unref(now);
	labels_unref(labels[0]);
	labels_unref(labels[1]);
}

/* With the host's page cache a device is slower than what the guest sees. */
static void test_never_negative(void)
{
	struct kvmlens_snapshot *before = one_vm(), *now = one_vm();
	struct snap_vm *was = entities_at(&before->vms, 0), *vm = entities_at(&now->vms, 0);
	struct labels *labels[] = {labels_new_one(NULL, "disk", "vda")};

	add_disks(was, labels, 1, 1, 10);
	add_disks(vm, labels, 1, 3, 14);
	add_device(was, 1, 10, 50 * MS);
	add_device(vm, 3, 14, 50 * MS);
	disk_rates_derive(vm, was);
	CU_ASSERT_DOUBLE_EQUAL(vm->device_ms, 50, 1e-9);
	CU_ASSERT_EQUAL(vm->queue_ms, 0);
	kvmlens_snapshot_unref(before);
	kvmlens_snapshot_unref(now);
	labels_unref(labels[0]);
}

/* Where no VMM counts the disks, their total is absent: what the devices did is another metric. */
static void test_devices_stand_in(void)
{
	struct kvmlens_snapshot *before = one_vm(), *now = one_vm();
	struct snap_vm *was = entities_at(&before->vms, 0), *vm = entities_at(&now->vms, 0);

	add_device(was, 1, 10, MS);
	add_device(vm, 3, 14, MS);
	disk_rates_derive(vm, was);
	CU_ASSERT_TRUE(isnan(vm->disk_rate.write_iops));
	CU_ASSERT_EQUAL(vm->device_rate.write_iops, 10);
	CU_ASSERT_TRUE(isnan(vm->disk_ms) && isnan(vm->queue_ms));
	CU_ASSERT_DOUBLE_EQUAL(vm->device_ms, 1, 1e-9);
	kvmlens_snapshot_unref(before);
	kvmlens_snapshot_unref(now);
}

static void test_provider(void)
{
	struct kvmlens_snapshot *snapshot = one_vm();
	struct snap_vm *vm = entities_at(&snapshot->vms, 0);
	struct vmlabels *labels = vmlabels_new(NULL, 0);
	struct kvmlens_vm_stats stats;
	struct kvmlens_disk_stats *d;
	const struct snap_disk *disk;
	const struct snap_space *space;

	vmlabels_begin(labels);
	kvmlens_vm_stats_init(&stats);
	disks_fill(labels, NULL, 7, vm);
	CU_ASSERT_EQUAL(vm->disks.n, 0);
	kvmlens_vm_stats_add_disk(&stats, "sda"); /* an empty drive */
	d = kvmlens_vm_stats_add_disk(&stats, "vda");
	d->write_ops = 5;
	d->capacity = 1000;
	d->allocation = 250;
	disks_fill(labels, &stats, 7, vm);
	CU_ASSERT_EQUAL_FATAL(vm->disks.n, 2);
	CU_ASSERT_EQUAL_FATAL(vm->spaces.n, 1);
	disk = entities_at(&vm->disks, 1);
	CU_ASSERT_EQUAL(disk->io.writes, 5);
	CU_ASSERT_EQUAL(disk->io.reads, ABSENT);
	CU_ASSERT_EQUAL(disk->io.mono_ns, 7);
	CU_ASSERT_STRING_EQUAL(labels_get(disk->labels, "disk"), "vda");
	space = entities_at(&vm->spaces, 0);
	CU_ASSERT_STRING_EQUAL(labels_get(space->labels, "disk"), "vda");
	CU_ASSERT_STRING_EQUAL(labels_get(space->labels, "kind"), "image");
	CU_ASSERT_EQUAL(space->percent, 25);
	kvmlens_vm_stats_clear(&stats);
	vmlabels_free(labels);
	kvmlens_snapshot_unref(snapshot);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"two readings", test_two_readings},
		{"the same reading twice", test_same_reading},
		{"no rate without two good readings", test_no_rate},
		{"three latencies", test_three_latencies},
		{"the difference is never negative", test_never_negative},
		{"devices stand in for disks", test_devices_stand_in},
		{"what a provider says", test_provider},
		CU_TEST_INFO_NULL,
	};

	return suite_run("disks", tests);
}
