// SPDX-License-Identifier: Apache-2.0
#include "core/disks.h"

static void fill_disk(const struct kvmlens_disk_stats *stats, uint64_t mono_ns,
		      struct snap_disk *disk)
{
	disk->io = (struct disk_io){
		.reads = stats->read_ops,
		.writes = stats->write_ops,
		.flushes = stats->flush_ops,
		.read_bytes = stats->read_bytes,
		.write_bytes = stats->write_bytes,
		.read_ns = stats->read_ns,
		.write_ns = stats->write_ns,
		.flush_ns = stats->flush_ns,
		.mono_ns = mono_ns,
	};
}

void disks_space(struct snap_space *space, uint64_t size, uint64_t used)
{
	space->size = size;
	space->used = used;
	space->percent = NAN;
	/* An image takes a little more than the disk holds when it is full: its own tables. */
	if (size != ABSENT && used != ABSENT && size)
		space->percent = MIN(100.0 * (double)used / (double)size, 100);
}

/* An empty drive has neither. Images are beside the file systems: a disk may have none. */
static bool has_space(const struct kvmlens_disk_stats *stats)
{
	return stats->capacity != ABSENT || stats->allocation != ABSENT;
}

static void fill_spaces(struct vmlabels *labels, const struct kvmlens_vm_stats *stats,
			struct snap_vm *vm)
{
	size_t n = 0, at = vm->spaces.n;

	for (size_t i = 0; i < stats->n_disks; i++)
		n += has_space(&stats->disks[i]);
	entities_grow(&vm->spaces, n, sizeof(struct snap_space));
	for (size_t i = 0; i < stats->n_disks; i++) {
		const struct kvmlens_disk_stats *disk = &stats->disks[i];
		struct snap_space *space;

		if (!has_space(disk))
			continue;
		space = entities_at(&vm->spaces, at++);
		space->labels = vmlabels_two(labels, vm->ident, "disk", disk->name, SPACE_KIND,
					     SPACE_IMAGE);
		disks_space(space, disk->capacity, disk->allocation);
	}
}

void disks_fill(struct vmlabels *labels, const struct kvmlens_vm_stats *stats, uint64_t mono_ns,
		struct snap_vm *vm)
{
	vm->block_job = ABSENT;
	if (!stats)
		return;
	vm->block_job = stats->block_job;
	vm->disks_silent = stats->disks_silent == 1;
	vm->beyond[LEFT_OUT_DISKS] = stats->disks_left_out;
	vm->beyond[LEFT_OUT_INTERFACES] = stats->nics_left_out;
	entities_alloc(&vm->disks, stats->n_disks, sizeof(struct snap_disk));
	for (size_t i = 0; i < vm->disks.n; i++) {
		struct snap_disk *disk = entities_at(&vm->disks, i);

		disk->labels = vmlabels_part(labels, vm->ident, "disk", stats->disks[i].name);
		fill_disk(&stats->disks[i], mono_ns, disk);
	}
	fill_spaces(labels, stats, vm);
}

static const struct snap_device *device_of(const struct snap_vm *vm, uint32_t dev)
{
	for (size_t i = 0; i < vm->devices.n; i++) {
		const struct snap_device *device = entities_at(&vm->devices, i);

		if (dev && device->dev == dev)
			return device;
	}
	return NULL;
}

/* A device that is two disks cannot be told apart; a partition is counted on its whole disk. */
static bool is_whole_disk(const struct image_file *images, unsigned n, unsigned i,
			  const struct snap_vm *vm)
{
	for (unsigned j = 0; j < n; j++)
		if (j != i && images[j].dev == images[i].dev)
			return false;
	return device_of(vm, images[i].dev) != NULL;
}

static void fill_image_disks(struct vmlabels *labels, const struct image_file *images, unsigned n,
			     struct snap_vm *vm)
{
	size_t disks = 0, at = 0;

	for (unsigned i = 0; i < n; i++)
		disks += is_whole_disk(images, n, i, vm);
	entities_alloc(&vm->disks, disks, sizeof(struct snap_disk));
	for (unsigned i = 0; i < n && at < disks; i++) {
		struct snap_disk *disk = entities_at(&vm->disks, at);

		if (!is_whole_disk(images, n, i, vm))
			continue;
		disk->labels = vmlabels_part(labels, vm->ident, "disk", images[i].name);
		disk->io = device_of(vm, images[i].dev)->io;
		disk->is_device = true;
		/* What the guest waited nobody but QEMU knows. */
		disk->io.read_ns = disk->io.write_ns = disk->io.flush_ns = ABSENT;
		at++;
	}
}

void disks_fill_images(struct vmlabels *labels, const struct image_file *images, unsigned n,
		       bool provided, struct snap_vm *vm)
{
	size_t at;

	if (vm->disks.n || !n)
		return;
	if (!provided)
		fill_image_disks(labels, images, n, vm);
	at = vm->spaces.n;
	entities_grow(&vm->spaces, n, sizeof(struct snap_space));
	for (unsigned i = 0; i < n; i++) {
		struct snap_space *space = entities_at(&vm->spaces, at + i);

		space->labels = vmlabels_two(labels, vm->ident, "disk", images[i].name, SPACE_KIND,
					     SPACE_IMAGE);
		disks_space(space, images[i].size, images[i].used);
	}
}
