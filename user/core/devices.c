// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include "core/devices.h"
#include "vm/stacking.h"

/* From one look at whom the kernel follows, and at what devices are called, to the next. */
#define SEED_TICKS 64

/* A VM that the kernel was told of. */
struct known {
	uint64_t start_ns; /* 0: from an earlier run */
	uint64_t cgroup; /* 0: none */
	uint64_t seen; /* tick */
};

/* A loop device and the disks behind it. */
struct loop {
	char *file;
	GArray *disks; /* uint32_t; NULL: cannot be told */
};

struct devices {
	struct probe *probe;
	GHashTable *known; /* tgid to struct known */
	GHashTable *names; /* dev to its name, which another device may have later */
	GHashTable *loops; /* dev to struct loop */
	GArray *records; /* struct probe_block, by tgid, then by dev */
	uint64_t tick;
	uint32_t epoch;
	bool up;
};

static void loop_free(gpointer data)
{
	struct loop *loop = data;

	g_free(loop->file);
	if (loop->disks)
		g_array_unref(loop->disks);
	g_free(loop);
}

/*
 * Whom the kernel follows, though this does not know: VMs of an earlier run, and those that the
 * tracker told it of and that ended before a tick.
 */
static void seed(struct devices *d)
{
	g_autoptr(GArray) tgids = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	probe_block_vms(d->probe, tgids);
	for (unsigned i = 0; i < tgids->len; i++) {
		gpointer key = GUINT_TO_POINTER(g_array_index(tgids, uint32_t, i));

		if (!g_hash_table_contains(d->known, key))
			g_hash_table_insert(d->known, key, g_new0(struct known, 1));
	}
}

struct devices *devices_new(struct probe *probe)
{
	struct devices *d = g_new0(struct devices, 1);

	d->probe = probe;
	d->known = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	d->names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	d->loops = g_hash_table_new_full(NULL, NULL, NULL, loop_free);
	d->records = g_array_new(FALSE, FALSE, sizeof(struct probe_block));
	return d;
}

void devices_free(struct devices *d)
{
	if (!d)
		return;
	g_hash_table_unref(d->known);
	g_hash_table_unref(d->names);
	g_hash_table_unref(d->loops);
	g_array_unref(d->records);
	g_free(d);
}

static int by_vm_and_device(const void *a, const void *b)
{
	const struct block_key *x = &((const struct probe_block *)a)->key;
	const struct block_key *y = &((const struct probe_block *)b)->key;

	if (x->tgid != y->tgid)
		return x->tgid < y->tgid ? -1 : 1;
	return (x->dev > y->dev) - (x->dev < y->dev);
}

static const struct probe_block *record_at(const struct devices *d, unsigned i)
{
	return &g_array_index(d->records, struct probe_block, i);
}

/* The first record of a process. */
static unsigned first_of(const struct devices *d, uint32_t tgid)
{
	unsigned low = 0, high = d->records->len;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (record_at(d, middle)->key.tgid < tgid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static unsigned end_of(const struct devices *d, unsigned first)
{
	unsigned i = first;

	while (i < d->records->len && record_at(d, i)->key.tgid == record_at(d, first)->key.tgid)
		i++;
	return i;
}

static void forget_records(struct devices *d, uint32_t tgid)
{
	unsigned first = first_of(d, tgid), end;

	if (first == d->records->len || record_at(d, first)->key.tgid != tgid)
		return;
	end = end_of(d, first);
	for (unsigned i = first; i < end; i++)
		probe_block_forget(d->probe, &record_at(d, i)->key);
	g_array_remove_range(d->records, first, end - first);
}

static void see(struct devices *d, const struct vm_ident *ident)
{
	gpointer key = GUINT_TO_POINTER(ident->pid);
	struct known *known = g_hash_table_lookup(d->known, key);

	if (known && known->start_ns && known->start_ns != ident->start_ns) {
		/* Another process with the same number. */
		forget_records(d, ident->pid);
		if (known->cgroup)
			probe_block_cgroup(d->probe, known->cgroup, 0);
		known->cgroup = 0;
	}
	if (!known) {
		probe_block_vm(d->probe, ident->pid, true);
		known = g_new0(struct known, 1);
		g_hash_table_insert(d->known, key, known);
	}
	known->start_ns = ident->start_ns;
	known->seen = d->tick;
}

/* VMs that have left take their counters along. */
static void drop_unseen(struct devices *d)
{
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, d->known);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		const struct known *known = value;

		if (known->seen == d->tick)
			continue;
		probe_block_vm(d->probe, GPOINTER_TO_UINT(key), false);
		if (known->cgroup)
			probe_block_cgroup(d->probe, known->cgroup, 0);
		forget_records(d, GPOINTER_TO_UINT(key));
		g_hash_table_iter_remove(&iter);
	}
	for (unsigned i = 0; i < d->records->len;) {
		uint32_t tgid = record_at(d, i)->key.tgid;

		if (g_hash_table_contains(d->known, GUINT_TO_POINTER(tgid)))
			i = end_of(d, i);
		else
			forget_records(d, tgid);
	}
}

void devices_begin(struct devices *d, const struct inventory *inventory)
{
	g_array_set_size(d->records, 0);
	d->up = d->probe && !probe_block_read(d->probe, d->records, &d->epoch);
	if (!d->up)
		return;
	if (d->tick++ % SEED_TICKS == 0) {
		seed(d);
		g_hash_table_remove_all(d->names);
		g_hash_table_remove_all(d->loops);
	}
	g_array_sort(d->records, by_vm_and_device);
	for (unsigned i = 0; i < inventory->n_vms; i++)
		if (inventory->vms[i].ident->pid > 0)
			see(d, inventory->vms[i].ident);
	drop_unseen(d);
}

void devices_cgroup(struct devices *d, const struct vm_ident *ident, uint64_t cgroup)
{
	struct known *known = g_hash_table_lookup(d->known, GINT_TO_POINTER(ident->pid));

	if (!d->up || !known || known->cgroup == cgroup)
		return;
	if (known->cgroup)
		probe_block_cgroup(d->probe, known->cgroup, 0);
	if (cgroup)
		probe_block_cgroup(d->probe, cgroup, ident->pid);
	known->cgroup = cgroup;
}

/* --- what lies below what ----------------------------------------------------------------- */

static const struct loop *loop_of(struct devices *d, uint32_t dev)
{
	struct loop *loop = g_hash_table_lookup(d->loops, GUINT_TO_POINTER(dev));
	g_autofree char *file = stacking_loop_file(NULL, dev);

	if (loop && !g_strcmp0(loop->file, file))
		return loop;
	loop = g_new0(struct loop, 1);
	loop->disks = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	if (!file || !stacking_file_disks(NULL, file, loop->disks))
		g_clear_pointer(&loop->disks, g_array_unref);
	loop->file = g_steal_pointer(&file);
	g_hash_table_insert(d->loops, GUINT_TO_POINTER(dev), loop);
	return loop;
}

static bool behind(const struct loop *loop, uint32_t dev)
{
	for (unsigned i = 0; loop->disks && i < loop->disks->len; i++)
		if (g_array_index(loop->disks, uint32_t, i) == dev)
			return true;
	/* Where it cannot be told, nothing shall count twice. */
	return !loop->disks;
}

/*
 * Kernel threads that work for a loop device of the VM carry its cgroup on to the disk behind:
 * those bytes have been counted on the loop device.
 */
static bool counted_above(struct devices *d, unsigned first, unsigned end,
			  const struct block_key *key)
{
	if (key->by != BLOCK_BY_CGROUP)
		return false;
	for (unsigned i = first; i < end; i++) {
		uint32_t dev = record_at(d, i)->key.dev;

		if (BLOCK_MAJOR(dev) == LOOP_MAJOR && dev != key->dev &&
		    behind(loop_of(d, dev), key->dev))
			return true;
	}
	return false;
}

/* --- into the snapshot ---------------------------------------------------------------------- */

static const char *name_of(struct devices *d, uint32_t dev)
{
	char *name = g_hash_table_lookup(d->names, GUINT_TO_POINTER(dev));

	if (!name) {
		name = stacking_name(NULL, dev);
		g_hash_table_insert(d->names, GUINT_TO_POINTER(dev), name);
	}
	return name;
}

static void add_hist(struct hist *hist, const struct block_value *value)
{
	G_STATIC_ASSERT(HIST_BUCKETS == BLOCK_HIST_BUCKETS);
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		hist->count[i] += value->hist[i];
	hist->sum_ns += value->ns;
}

static void add_max(struct snap_device *device, const struct block_value *value, uint32_t epoch)
{
	double ms = (double)value->max_ns[epoch & 1] / 1e6;

	if (value->max_epoch[epoch & 1] == epoch && value->max_ns[epoch & 1])
		device->max_ms = isnan(device->max_ms) ? ms : MAX(device->max_ms, ms);
}

static void add_record(struct snap_device *device, const struct probe_block *record, uint32_t epoch)
{
	const struct block_value *value = &record->value;
	struct disk_io *io = &device->io;

	switch (record->key.op) {
	case BLOCK_READ:
		io->reads += value->requests;
		io->read_bytes += value->bytes;
		io->read_ns += value->ns;
		add_hist(&device->read_hist, value);
		break;
	case BLOCK_WRITE:
		io->writes += value->requests;
		io->write_bytes += value->bytes;
		io->write_ns += value->ns;
		add_hist(&device->write_hist, value);
		break;
	case BLOCK_FLUSH:
		io->flushes += value->requests;
		io->flush_ns += value->ns;
		add_hist(&device->flush_hist, value);
		break;
	default:
		device->others += value->requests;
	}
	device->errors += value->errors;
	add_max(device, value, epoch);
}

static void begin_device(struct devices *d, struct vmlabels *labels, const struct snap_vm *vm,
			 uint32_t dev, uint64_t mono_ns, struct snap_device *device)
{
	struct hist empty = {.shift = BLOCK_HIST_SHIFT, .valid = true};

	device->labels = vmlabels_part(labels, vm->ident, "device", name_of(d, dev));
	device->dev = dev;
	device->io.mono_ns = mono_ns;
	device->max_ms = NAN;
	device->read_hist = device->write_hist = device->flush_hist = empty;
}

void devices_fill(struct devices *d, struct vmlabels *labels, uint64_t mono_ns, struct snap_vm *vm)
{
	unsigned first = first_of(d, vm->ident->pid), end = first, n = 0;
	uint32_t last = UINT32_MAX;
	struct snap_device *device;

	if (!d->up || first == d->records->len ||
	    record_at(d, first)->key.tgid != (uint32_t)vm->ident->pid)
		return;
	end = end_of(d, first);
	/* Room for each record: one device has up to eight. */
	entities_alloc(&vm->devices, end - first, sizeof(*device));
	for (unsigned i = first; i < end; i++) {
		const struct probe_block *record = record_at(d, i);

		if (counted_above(d, first, end, &record->key))
			continue;
		if (record->key.dev != last)
			begin_device(d, labels, vm, record->key.dev, mono_ns,
				     entities_at(&vm->devices, n++));
		last = record->key.dev;
		device = entities_at(&vm->devices, n - 1);
		add_record(device, record, d->epoch);
	}
	vm->devices.n = n;
}
