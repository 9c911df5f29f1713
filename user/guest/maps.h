/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of a VMM's memory that may be guest RAM, from the text of /proc/PID/maps. */
#ifndef KVMLENS_GUEST_MAPS_H
#define KVMLENS_GUEST_MAPS_H

#include <stdint.h>
#include <stddef.h>
#include "guest/ram.h"

#define GUEST_BLOCKS_MAX 8

struct guest_block {
	uint64_t hva, size;
};

/*
 * The largest blocks that are readable, writable and not executable, at least 64 MiB, and either
 * anonymous, a memfd, hugetlbfs or in /dev/shm, largest first. Neighbours of one file that
 * continue each other count as one. Returns how many (0: none). An executable one is left out:
 * an emulator's code buffer can be larger than the guest.
 */
unsigned guest_maps_blocks(const char *text, struct guest_block blocks[GUEST_BLOCKS_MAX]);

/*
 * What of ram lies in mappings that may be read without a side effect: not a device's registers,
 * which a VMM can give to its guest like memory. Returns how many segments are left.
 */
unsigned guest_maps_filter(const char *text, const struct guest_ram *ram,
			   struct guest_ram *ret_ram);

#endif
