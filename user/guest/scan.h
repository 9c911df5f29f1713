/* SPDX-License-Identifier: Apache-2.0 */
/* Search a guest's RAM for the BTF of its kernel. */
#ifndef KVMLENS_GUEST_SCAN_H
#define KVMLENS_GUEST_SCAN_H

#include "guest/btf.h"
#include "guest/mem.h"

#define SCAN_TRIED_MAX 32

struct guest_scan {
	struct guest_mem *mem;
	unsigned pass; /* over ever more pages of each MiB */
	unsigned segment;
	uint64_t offset; /* in the segment */
	uint64_t samples, hits;
	/* Headers that were returned, so that none is returned twice. */
	uint64_t tried[SCAN_TRIED_MAX];
	unsigned n_tried;
};

void guest_scan_begin(struct guest_scan *scan, struct guest_mem *mem);

/*
 * The next place where a blob of BTF may begin: a guess, as a boot leaves half overwritten copies
 * behind. -ENOENT: nothing more; else what guest_mem_read() said.
 */
int guest_scan_next(struct guest_scan *scan, uint64_t *ret_gpa, struct btf_extent *ret_extent);

/* Does a page look like a piece of BTF's strings? Pure. */
bool guest_scan_is_strings(const uint8_t page[GUEST_PAGE]);

#endif
