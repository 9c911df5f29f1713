/* SPDX-License-Identifier: Apache-2.0 */
/* Block devices as sysfs shows them: their names, and what lies below a loop device. */
#ifndef KVMLENS_VM_STACKING_H
#define KVMLENS_VM_STACKING_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* major << 20 | minor, as the kernel has it. */
#define BLOCK_DEV(major, minor) ((uint32_t)(major) << 20 | (uint32_t)(minor))
#define BLOCK_MAJOR(dev) ((dev) >> 20)
#define BLOCK_MINOR(dev) ((dev)&0xfffff)

#define LOOP_MAJOR 7

/* Where to look; NULL: /sys and /proc/self/mountinfo. */
struct stacking_roots {
	const char *sys, *mountinfo;
};

/* Name of a device, "sda"; "8:0" where sysfs does not have it. */
char *stacking_name(const struct stacking_roots *roots, uint32_t dev);

/*
 * Append to devs (uint32_t) the whole disks that requests for this device, a partition, a mapped
 * device or a disk, end on. At most 64.
 */
void stacking_disks(const struct stacking_roots *roots, uint32_t dev, GArray *devs);

/* What is behind a loop device; NULL: nothing, or it is none. */
char *stacking_loop_file(const struct stacking_roots *roots, uint32_t dev);

/*
 * The same as stacking_disks for the device that a file's file system is on, without touching
 * the file. False: no device can be told.
 */
bool stacking_file_disks(const struct stacking_roots *roots, const char *path, GArray *devs);

/*
 * The device of the file system that path is on, by the text of a mountinfo file. Pure. False: it
 * is on none that has a device.
 */
bool stacking_mount_dev(const char *mountinfo, size_t len, const char *path, uint32_t *ret_dev);

#endif
