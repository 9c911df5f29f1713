/* SPDX-License-Identifier: Apache-2.0 */
/* The disks of a VM in a snapshot: as its provider counts them, and how full their images are. */
#ifndef KVMLENS_CORE_DISKS_H
#define KVMLENS_CORE_DISKS_H

#include "core/vmlabels.h"
#include "metric/model.h"
#include "vm/image_files.h"

/* stats may be NULL: nobody said anything. mono_ns: when they were read. No rates yet. */
void disks_fill(struct vmlabels *labels, const struct kvmlens_vm_stats *stats, uint64_t mono_ns,
		struct snap_vm *vm);

/*
 * The disks that a process itself tells of, where its provider tells of none. One that is a device
 * of the host has the counters of that device, which the kernel keeps; none has where provided: a
 * provider counts the VM's disks, or may yet. After devices_fill.
 */
void disks_fill_images(struct vmlabels *labels, const struct image_file *images, unsigned n,
		       bool provided, struct snap_vm *vm);

/* Fill in size and percent of a space whose labels are made; either may be ABSENT. */
void disks_space(struct snap_space *space, uint64_t size, uint64_t used);

/* The key and the values of the label that tells what a space is of. */
#define SPACE_KIND "kind"
#define SPACE_IMAGE "image"
#define SPACE_FILESYSTEM "filesystem"
#define SPACE_TYPE "fstype" /* of a file system */

#endif
