/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's virtual addresses of an x86-64 guest, translated as its own page tables say. */
#ifndef KVMLENS_GUEST_SPACE_H
#define KVMLENS_GUEST_SPACE_H

#include "guest/mem.h"

#define KERNEL_MAP_BASE 0xffffffff80000000ull /* where x86-64 kernels are linked */

#define SPACE_CACHE 256

struct guest_space {
	struct guest_mem *mem;
	uint64_t text_va, text_end, text_pa; /* the kernel image */
	uint64_t linear_va, linear_len; /* the direct map of all RAM */
	uint64_t pgd_pa;
	uint64_t encrypt_mask; /* address bits of an entry that only mark encryption */
	unsigned levels; /* 4 or 5 */
	struct {
		uint64_t page, gpa; /* page 0: empty */
	} cache[SPACE_CACHE];
};

/*
 * Walk the page tables. *ret_run is the number of bytes from va on in the same page. -EFAULT: not
 * mapped, or a table is no RAM; else what guest_mem_read() said.
 */
int guest_space_walk(struct guest_space *space, uint64_t va, uint64_t *ret_gpa, uint64_t *ret_run);

/* Forget cached page table entries; to be called when a round begins. */
void guest_space_flush(struct guest_space *space);

/* Copy kernel memory; errors of guest_space_walk() and guest_mem_read(). */
int guest_space_read(struct guest_space *space, uint64_t va, void *buf, size_t len);

/* The same by guest_mem_read_near(), for what does not cross a page's end. */
int guest_space_read_near(struct guest_space *space, uint64_t va, void *buf, size_t len);

/* Is [va, va + len) in the direct map? Slab objects always are. */
bool guest_space_linear(const struct guest_space *space, uint64_t va, uint64_t len);

#endif
