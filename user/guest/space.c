// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include "guest/space.h"

#define ENTRY_PRESENT 1ull
#define ENTRY_HUGE (1ull << 7)
#define ENTRY_ADDRESS 0x000ffffffffff000ull

void guest_space_flush(struct guest_space *space)
{
	memset(space->cache, 0, sizeof(space->cache));
}

int guest_space_walk(struct guest_space *space, uint64_t va, uint64_t *ret_gpa, uint64_t *ret_run)
{
	uint64_t table = space->pgd_pa;

	for (int level = space->levels; level >= 1; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		uint64_t entry, below = (1ull << shift) - 1;
		int r = guest_mem_read(space->mem, table + (va >> shift & 511) * 8, &entry, 8);

		if (r < 0)
			return r;
		if (!(entry & ENTRY_PRESENT))
			return -EFAULT;
		entry &= ~space->encrypt_mask;
		if (level == 1 || ((entry & ENTRY_HUGE) && level <= 3)) {
			*ret_gpa = (entry & ENTRY_ADDRESS & ~below) | (va & below);
			*ret_run = below + 1 - (va & below);
			return 0;
		}
		table = entry & ENTRY_ADDRESS;
	}
	return -EFAULT;
}

bool guest_space_linear(const struct guest_space *space, uint64_t va, uint64_t len)
{
	return va >= space->linear_va && va - space->linear_va < space->linear_len &&
	       len <= space->linear_len - (va - space->linear_va);
}

static int translate(struct guest_space *space, uint64_t va, uint64_t *ret_gpa, uint64_t *ret_run)
{
	uint64_t page = va & ~(GUEST_PAGE - 1), gpa, run;
	unsigned slot = (page / GUEST_PAGE) % SPACE_CACHE;
	int r;

	if (guest_space_linear(space, va, 1)) {
		*ret_gpa = va - space->linear_va;
		*ret_run = space->linear_len - *ret_gpa;
		return 0;
	}
	if (va >= space->text_va && va < space->text_end) {
		*ret_gpa = va - space->text_va + space->text_pa;
		*ret_run = space->text_end - va;
		return 0;
	}
	if (space->cache[slot].page != page || page == 0) {
		r = guest_space_walk(space, page, &gpa, &run);
		if (r < 0)
			return r;
		space->cache[slot].page = page;
		space->cache[slot].gpa = gpa;
	}
	*ret_gpa = space->cache[slot].gpa + (va - page);
	*ret_run = GUEST_PAGE - (va - page);
	return 0;
}

int guest_space_read(struct guest_space *space, uint64_t va, void *buf, size_t len)
{
	while (len) {
		uint64_t gpa, run;
		int r = translate(space, va, &gpa, &run);

		if (r < 0)
			return r;
		if (run > len)
			run = len;
		r = guest_mem_read(space->mem, gpa, buf, run);
		if (r < 0)
			return r;
		buf = (char *)buf + run;
		va += run;
		len -= run;
	}
	return 0;
}

int guest_space_read_near(struct guest_space *space, uint64_t va, void *buf, size_t len)
{
	uint64_t gpa, run;
	int r;

	if (len > GUEST_PAGE - va % GUEST_PAGE)
		return guest_space_read(space, va, buf, len);
	r = translate(space, va, &gpa, &run);
	return r < 0 ? r : guest_mem_read_near(space->mem, gpa, buf, len);
}
