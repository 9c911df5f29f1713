// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include "guest/ram.h"

#define FOUR_GIB (4ull << 30)

static bool segment_valid(uint64_t gpa, uint64_t size, uint64_t hva)
{
	if (size == 0 || ((gpa | size | hva) & (GUEST_PAGE - 1)))
		return false;
	return gpa <= UINT64_MAX - size && hva <= UINT64_MAX - size;
}

int guest_ram_add(struct guest_ram *ram, uint64_t gpa, uint64_t size, uint64_t hva)
{
	uint32_t at = 0;

	if (!segment_valid(gpa, size, hva))
		return -EINVAL;
	while (at < ram->n && ram->seg[at].gpa < gpa)
		at++;
	if (at < ram->n && ram->seg[at].gpa - gpa < size)
		return -EINVAL;
	if (at > 0 && gpa - ram->seg[at - 1].gpa < ram->seg[at - 1].size)
		return -EINVAL;
	if (ram->n == GUEST_RAM_SEGMENTS)
		return -ENOSPC;
	memmove(&ram->seg[at + 1], &ram->seg[at], (ram->n - at) * sizeof(ram->seg[0]));
	ram->seg[at] = (struct guest_segment){.gpa = gpa, .size = size, .hva = hva};
	ram->n++;
	return 0;
}

bool guest_ram_find(const struct guest_ram *ram, uint64_t gpa, uint64_t *ret_hva, uint64_t *ret_run)
{
	for (uint32_t i = 0; i < ram->n && i < GUEST_RAM_SEGMENTS; i++) {
		const struct guest_segment *seg = &ram->seg[i];

		if (gpa < seg->gpa || gpa - seg->gpa >= seg->size)
			continue;
		*ret_hva = seg->hva + (gpa - seg->gpa);
		*ret_run = seg->size - (gpa - seg->gpa);
		return true;
	}
	return false;
}

int guest_ram_check(const struct guest_ram *untrusted, struct guest_ram *ret_ram)
{
	struct guest_ram ram = {0};
	uint32_t n = untrusted->n;

	if (n == 0 || n > GUEST_RAM_SEGMENTS)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		const struct guest_segment *seg = &untrusted->seg[i];
		int r = guest_ram_add(&ram, seg->gpa, seg->size, seg->hva);

		if (r < 0)
			return r;
	}
	*ret_ram = ram;
	return 0;
}

uint64_t guest_ram_size(const struct guest_ram *ram)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < ram->n; i++)
		size += ram->seg[i].size;
	return size;
}

int guest_ram_split(struct guest_ram *ret_ram, uint64_t hva, uint64_t size, uint64_t hole_start)
{
	struct guest_ram ram = {0};
	uint64_t low = hole_start == 0 || hole_start > size ? size : hole_start;
	int r;

	if (hole_start > FOUR_GIB)
		return -EINVAL;
	r = guest_ram_add(&ram, 0, low, hva);
	if (r == 0 && low < size)
		r = guest_ram_add(&ram, FOUR_GIB, size - low, hva + low);
	if (r < 0)
		return r;
	*ret_ram = ram;
	return 0;
}
