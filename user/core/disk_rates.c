// SPDX-License-Identifier: Apache-2.0
#include "core/disk_rates.h"
#include "core/rates.h"

static const struct disk_rates unknown = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};

static double mean_ms(double ns, double n)
{
	return n > 0 ? ns / n / 1e6 : NAN;
}

void disk_rates_of(const struct disk_io *now, const struct disk_io *was,
		   const struct disk_rates *had, struct disk_rates *ret_rates)
{
	struct disk_rates *r = ret_rates;
	double reads, writes, flushes, read_ns, write_ns;
	uint64_t ns;

	*r = unknown;
	if (!was || now->mono_ns < was->mono_ns)
		return;
	ns = now->mono_ns - was->mono_ns;
	if (!ns) {
		*r = *had;
		return;
	}
	reads = rate_delta(now->reads, was->reads);
	writes = rate_delta(now->writes, was->writes);
	flushes = rate_delta(now->flushes, was->flushes);
	read_ns = rate_delta(now->read_ns, was->read_ns);
	write_ns = rate_delta(now->write_ns, was->write_ns);
	r->read_iops = reads * 1e9 / (double)ns;
	r->write_iops = writes * 1e9 / (double)ns;
	r->flush_iops = flushes * 1e9 / (double)ns;
	r->read_throughput = rate_per_second(now->read_bytes, was->read_bytes, ns);
	r->write_throughput = rate_per_second(now->write_bytes, was->write_bytes, ns);
	r->read_ms = mean_ms(read_ns, reads);
	r->write_ms = mean_ms(write_ns, writes);
	r->flush_ms = mean_ms(rate_delta(now->flush_ns, was->flush_ns), flushes);
	r->ops = reads + writes;
	r->ns = read_ns + write_ns;
}

static void add(double *sum, double value)
{
	if (!isnan(value))
		*sum = isnan(*sum) ? value : *sum + value;
}

/* A disk that has just come, or is not known now, shall not blot out the others. */
static void add_rates(struct disk_rates *sum, const struct disk_rates *r)
{
	add(&sum->read_iops, r->read_iops);
	add(&sum->write_iops, r->write_iops);
	add(&sum->flush_iops, r->flush_iops);
	add(&sum->read_throughput, r->read_throughput);
	add(&sum->write_throughput, r->write_throughput);
	if (isnan(r->ns))
		return;
	add(&sum->ops, r->ops);
	add(&sum->ns, r->ns);
}

static const struct snap_disk *find_disk(const struct snap_vm *vm, const struct labels *labels)
{
	for (size_t i = 0; vm && i < vm->disks.n; i++) {
		const struct snap_disk *disk = entities_at(&vm->disks, i);

		if (disk->labels == labels)
			return disk;
	}
	return NULL;
}

static const struct snap_device *find_device(const struct snap_vm *vm, uint32_t dev)
{
	for (size_t i = 0; vm && i < vm->devices.n; i++) {
		const struct snap_device *device = entities_at(&vm->devices, i);

		if (device->dev == dev)
			return device;
	}
	return NULL;
}

static void derive_disks(struct snap_vm *vm, const struct snap_vm *before)
{
	vm->disk_rate = unknown;
	for (size_t i = 0; i < vm->disks.n; i++) {
		struct snap_disk *disk = entities_at(&vm->disks, i);
		const struct snap_disk *was = find_disk(before, disk->labels);

		disk_rates_of(&disk->io, was ? &was->io : NULL, was ? &was->rate : NULL,
			      &disk->rate);
		/* The total is what the guest's disks did, or absent. */
		if (!disk->is_device)
			add_rates(&vm->disk_rate, &disk->rate);
	}
}

static void derive_devices(struct snap_vm *vm, const struct snap_vm *before)
{
	vm->device_rate = unknown;
	for (size_t i = 0; i < vm->devices.n; i++) {
		struct snap_device *device = entities_at(&vm->devices, i);
		const struct snap_device *was = find_device(before, device->dev);

		disk_rates_of(&device->io, was ? &was->io : NULL, was ? &was->rate : NULL,
			      &device->rate);
		add_rates(&vm->device_rate, &device->rate);
	}
}

void disk_rates_derive(struct snap_vm *vm, const struct snap_vm *before)
{
	derive_disks(vm, before);
	derive_devices(vm, before);
	vm->disk_ms = mean_ms(vm->disk_rate.ns, vm->disk_rate.ops);
	vm->device_ms = mean_ms(vm->device_rate.ns, vm->device_rate.ops);
	/*
	 * What a guest's request waited above the device. Where the host's page cache answers, a
	 * guest's request is done before any device has it: nothing was waited for then.
	 */
	vm->queue_ms = MAX(vm->disk_ms - vm->device_ms, 0);
	if (isnan(vm->disk_ms) || isnan(vm->device_ms))
		vm->queue_ms = NAN;
}
