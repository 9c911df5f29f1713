// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include "guest/scan.h"

#define STEP (1ull << 20)
#define BACK_MAX (24ull << 20) /* the types lie before the strings */
#define PIECE 65536u

/* A kernel's strings are over 1 MiB long, so that the first pass finds them; small kernels' less.
 */
static const uint64_t pass_start[] = {0, 512 << 10, 256 << 10, 768 << 10};
#define PASSES (sizeof(pass_start) / sizeof(pass_start[0]))

void guest_scan_begin(struct guest_scan *scan, struct guest_mem *mem)
{
	*scan = (struct guest_scan){.mem = mem};
}

bool guest_scan_is_strings(const uint8_t page[GUEST_PAGE])
{
	unsigned strange = 0, ends = 0;

	for (unsigned i = 0; i < GUEST_PAGE && strange <= 16; i++) {
		uint8_t c = page[i];

		if (c == 0)
			ends++;
		else if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' ||
			   (c >= 'a' && c <= 'z')))
			strange++;
	}
	return strange <= 16 && ends >= 60 && ends <= 800;
}

static bool already_tried(struct guest_scan *scan, uint64_t gpa)
{
	for (unsigned i = 0; i < scan->n_tried; i++) {
		if (scan->tried[i] == gpa)
			return true;
	}
	return false;
}

/* The header nearest below the hit whose strings cover the hit. */
static bool header_in_piece(struct guest_scan *scan, const uint8_t *piece, uint64_t piece_gpa,
			    uint64_t hit, uint64_t *ret_gpa, struct btf_extent *ret_extent)
{
	for (int64_t at = PIECE - 4; at >= 0; at -= 4) {
		uint8_t header[BTF_HEADER_MAX];
		uint64_t gpa = piece_gpa + at;
		struct btf_extent e;

		if (piece[at] != 0x9f || piece[at + 1] != 0xeb || piece[at + 2] != 1)
			continue;
		if (already_tried(scan, gpa) ||
		    guest_mem_read(scan->mem, gpa, header, sizeof(header)) < 0 ||
		    btf_extent(header, sizeof(header), &e) < 0)
			continue;
		if (hit < gpa + e.str_off || hit >= gpa + e.str_off + e.str_len)
			continue;
		*ret_gpa = gpa;
		*ret_extent = e;
		return true;
	}
	return false;
}

static int header_before(struct guest_scan *scan, uint64_t floor, uint64_t hit, uint64_t *ret_gpa,
			 struct btf_extent *ret_extent)
{
	uint8_t piece[PIECE];
	uint64_t end = hit + GUEST_PAGE;

	while (end >= floor + PIECE && hit - (end - PIECE) < BACK_MAX) {
		int r = guest_mem_read_sparse(scan->mem, end - PIECE, piece, PIECE);

		if (r < 0)
			return r;
		if (header_in_piece(scan, piece, end - PIECE, hit, ret_gpa, ret_extent))
			return 0;
		end -= PIECE;
	}
	return -ENOENT;
}

/* Step to the next page to sample. False: all passes are done. */
static bool sample_next(struct guest_scan *scan, uint64_t *ret_gpa, uint64_t *ret_floor)
{
	const struct guest_ram *ram = &scan->mem->ram;

	while (scan->pass < PASSES) {
		const struct guest_segment *seg = &ram->seg[scan->segment];
		uint64_t at = scan->offset + pass_start[scan->pass];

		if (scan->segment == ram->n) {
			scan->segment = 0;
			scan->offset = 0;
			scan->pass++;
		} else if (at + GUEST_PAGE > seg->size) {
			scan->segment++;
			scan->offset = 0;
		} else {
			scan->offset += STEP;
			*ret_gpa = seg->gpa + at;
			*ret_floor = seg->gpa;
			return true;
		}
	}
	return false;
}

int guest_scan_next(struct guest_scan *scan, uint64_t *ret_gpa, struct btf_extent *ret_extent)
{
	uint8_t page[GUEST_PAGE];
	uint64_t gpa, floor;

	while (sample_next(scan, &gpa, &floor)) {
		int r = guest_mem_read(scan->mem, gpa, page, sizeof(page));

		if (r == -ENXIO || r == -EFAULT)
			continue;
		if (r < 0)
			return r;
		scan->samples++;
		if (!guest_scan_is_strings(page))
			continue;
		scan->hits++;
		r = header_before(scan, floor, gpa, ret_gpa, ret_extent);
		if (r == -ENOENT)
			continue;
		if (scan->n_tried == SCAN_TRIED_MAX)
			return -ENOENT;
		if (r == 0)
			scan->tried[scan->n_tried++] = *ret_gpa;
		return r;
	}
	return -ENOENT;
}
