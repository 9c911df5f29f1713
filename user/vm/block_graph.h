/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's block graph as its command line builds it: drives with their interfaces, -blockdev nodes
 * and the devices that use them. Pure; the bytes are the process's own and hostile.
 *
 * A disk is what the guest has: a drive, or the node that a device uses. Its name is the one that
 * QEMU itself gives it ("info block"), its path the file or device at the end of the chain of
 * "file" children. libvirt's nodes have numbers of no meaning: there it is the device's name. Backing files are part of a disk, firmware and media are told apart by kind.
 */
#ifndef KVMLENS_VM_BLOCK_GRAPH_H
#define KVMLENS_VM_BLOCK_GRAPH_H

#include <glib.h>

#define BLOCK_DISKS_MAX 256

enum block_kind {
	BLOCK_DISK,
	BLOCK_READ_ONLY, /* a disk that cannot be written */
	BLOCK_CDROM,
	BLOCK_FIRMWARE, /* flash that holds firmware or its variables */
};

struct block_disk {
	char *name;
	char *path; /* as it was given, maybe relative; NULL: not a file of this host */
	enum block_kind kind;
};

/*
 * Of an array of struct qemu_arg: struct block_disk in QEMU's order, at most BLOCK_DISKS_MAX, to
 * be unreffed. program: the emulator's file name, whose machines differ in their default
 * interface; NULL: x86's.
 */
GArray *block_graph_disks(const GArray *args, const char *program);

#endif
