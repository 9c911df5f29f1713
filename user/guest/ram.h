/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest-physical memory as it lies in the address space of its VMM. Every address that a guest
 * ever gave passes guest_ram_find(): what it does not know cannot be read.
 */
#ifndef KVMLENS_GUEST_RAM_H
#define KVMLENS_GUEST_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_PAGE 4096ull
#define GUEST_RAM_SEGMENTS 64

struct guest_segment {
	uint64_t gpa, size; /* multiples of the page size */
	uint64_t hva; /* in the VMM */
};

struct guest_ram {
	uint32_t n;
	uint32_t pad;
	struct guest_segment seg[GUEST_RAM_SEGMENTS]; /* by gpa, no two overlap */
};

/*
 * Add one segment. -EINVAL: unaligned, empty, wraps around or overlaps another in gpa; -ENOSPC:
 * there are too many.
 */
int guest_ram_add(struct guest_ram *ram, uint64_t gpa, uint64_t size, uint64_t hva);

/*
 * Where gpa lies in the VMM, and how many bytes follow it in the same segment (never 0). False:
 * it is no guest RAM.
 */
bool guest_ram_find(const struct guest_ram *ram, uint64_t gpa, uint64_t *ret_hva,
		    uint64_t *ret_run);

/* Rebuild ram from bytes of another process: every rule of guest_ram_add() checked. -EINVAL. */
int guest_ram_check(const struct guest_ram *untrusted, struct guest_ram *ret_ram);

/* Bytes of all segments. */
uint64_t guest_ram_size(const struct guest_ram *ram);

/*
 * One block of RAM that a PC machine splits around the hole below 4 GiB: bytes from hole_start
 * on lie at 4 GiB and above. hole_start 0 or past the block's end: no split.
 */
int guest_ram_split(struct guest_ram *ret_ram, uint64_t hva, uint64_t size, uint64_t hole_start);

#endif
