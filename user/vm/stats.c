// SPDX-License-Identifier: Apache-2.0
#include "vm/stats.h"

#include <glib.h>
#include <string.h>

/* KVMLENS_ABSENT is all ones, so is every number of a structure filled with them. */
G_STATIC_ASSERT(KVMLENS_ABSENT == UINT64_MAX);

void kvmlens_vm_stats_init(struct kvmlens_vm_stats *stats)
{
	memset(stats, 0xff, sizeof(*stats));
	stats->size = sizeof(*stats);
	stats->state = KVMLENS_VM_UNKNOWN;
	stats->disks = NULL;
	stats->n_disks = 0;
	stats->nics = NULL;
	stats->n_nics = 0;
	stats->disks_left_out = stats->nics_left_out = 0;
}

void kvmlens_vm_stats_clear(struct kvmlens_vm_stats *stats)
{
	g_free(stats->disks);
	g_free(stats->nics);
	kvmlens_vm_stats_init(stats);
}

/* Room for one more, its numbers absent; NULL: there are too many. */
static void *add_device(void **array, size_t *n, size_t size)
{
	void *device, *grown;

	if (*n >= VM_DEVICES_MAX)
		return NULL;
	grown = g_try_realloc_n(*array, *n + 1, size);
	if (!grown)
		return NULL;
	*array = grown;
	device = (char *)grown + (*n)++ * size;
	memset(device, 0xff, size);
	return device;
}

struct kvmlens_disk_stats *kvmlens_vm_stats_add_disk(struct kvmlens_vm_stats *stats,
						     const char *name)
{
	struct kvmlens_disk_stats *disk =
		add_device((void **)&stats->disks, &stats->n_disks, sizeof(*disk));

	stats->disks_left_out += !disk;
	if (!disk)
		return NULL;
	memset(disk->alias, 0, sizeof(disk->alias));
	memset(disk->source, 0, sizeof(disk->source));
	memset(disk->name, 0, sizeof(disk->name));
	g_strlcpy(disk->name, name, sizeof(disk->name));
	return disk;
}

struct kvmlens_nic_stats *kvmlens_vm_stats_add_nic(struct kvmlens_vm_stats *stats, const char *name)
{
	struct kvmlens_nic_stats *nic =
		add_device((void **)&stats->nics, &stats->n_nics, sizeof(*nic));

	stats->nics_left_out += !nic;
	if (!nic)
		return NULL;
	memset(nic->name, 0, sizeof(nic->name));
	memset(nic->mac, 0, sizeof(nic->mac));
	g_strlcpy(nic->name, name, sizeof(nic->name));
	return nic;
}

struct kvmlens_vm_stats *vm_stats_copy(const struct kvmlens_vm_stats *stats)
{
	struct kvmlens_vm_stats *copy = g_new(struct kvmlens_vm_stats, 1);

	kvmlens_vm_stats_init(copy);
	memcpy(copy, stats, MIN(stats->size, sizeof(*copy)));
	copy->size = sizeof(*copy);
	copy->n_disks = MIN(copy->n_disks, VM_DEVICES_MAX);
	copy->n_nics = MIN(copy->n_nics, VM_DEVICES_MAX);
	copy->disks = g_memdup2(copy->disks, copy->n_disks * sizeof(*copy->disks));
	copy->nics = g_memdup2(copy->nics, copy->n_nics * sizeof(*copy->nics));
	return copy;
}

void vm_stats_free(struct kvmlens_vm_stats *stats)
{
	if (!stats)
		return;
	kvmlens_vm_stats_clear(stats);
	g_free(stats);
}
