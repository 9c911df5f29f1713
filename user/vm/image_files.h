/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disks of a QEMU that no provider knows: what its command line says, and the files and
 * devices that it has open. The bytes are the process's own and hostile.
 */
#ifndef KVMLENS_VM_IMAGE_FILES_H
#define KVMLENS_VM_IMAGE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <kvmlens.h>

#define IMAGE_FILES_MAX 32

struct image_file {
	char name[KVMLENS_NAME_MAX]; /* as QEMU calls the drive: "virtio0", or its id */
	char path[512]; /* on the host */
	uint64_t size, used; /* as the guest sees it, and on the host; UINT64_MAX: not known */
	bool leased; /* somebody holds a lease on it: it was not opened, its size is unknown */
	uint32_t dev; /* major << 20 | minor where it is a block device, else 0 */
};

/*
 * The guest's disks that are a file or a device of this host, by the NUL-separated arguments of a
 * QEMU: what block_graph.h calls BLOCK_DISK. Pure: -readconfig files are not followed. Returns how
 * many there are, at most cap.
 */
unsigned image_files_parse(const char *cmdline, size_t len, struct image_file *ret, unsigned cap);

/* Virtual size in the head of a qcow2 image, UINT64_MAX: it is none. Pure. */
uint64_t image_files_qcow2_size(const void *head, size_t len);

/*
 * Look into a process; may hang. Paths are compared by what they are, device and inode, as the
 * process sees them. Drives that it has not open are left out.
 */
void image_files_read(const char *proc, pid_t pid, struct image_file *ret, unsigned *ret_n);

#endif
