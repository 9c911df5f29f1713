/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a fuzzer as changes to a made-up guest: each change is three bytes of place, one of
 * kind, and up to eight of value. The guest is put back as it was afterwards.
 */
#ifndef TESTS_FUZZ_GUEST_PATCH_H
#define TESTS_FUZZ_GUEST_PATCH_H

#include "unit/guest_image.c"

#define PATCHES_MAX 64

struct patches {
	struct image *image;
	struct {
		uint64_t gpa, was;
	} undo[PATCHES_MAX];
	unsigned n;
};

/* Values that a guest would try, by one byte. */
static uint64_t patch_value(const struct image *image, uint8_t kind, uint64_t raw)
{
	switch (kind % 8) {
	case 0:
		return image->linear_va + raw % IMAGE_RAM;
	case 1:
		return image->linear_va + IMAGE_RAM - raw % 4096;
	case 2:
		return image->text_va + raw % IMAGE_END;
	case 3:
		return raw % 70000;
	case 4:
		return ~(raw % 4096);
	case 5:
		return (raw % IMAGE_RAM & ~0xfffull) | 0x83;
	default:
		return raw;
	}
}

/* Change at most PATCHES_MAX words of [start, start + len). */
static inline void patches_apply(struct patches *p, uint64_t start, uint64_t len,
				 const uint8_t *data, size_t size)
{
	p->n = 0;
	while (size >= 12 && p->n < PATCHES_MAX) {
		uint64_t at = data[0] | data[1] << 8 | data[2] << 16, raw;

		memcpy(&raw, data + 4, 8);
		at = start + at * 4 % (len - 8);
		p->undo[p->n].gpa = at;
		p->undo[p->n++].was = image_get64(p->image, at);
		image_put64(p->image, at, patch_value(p->image, data[3], raw));
		data += 12;
		size -= 12;
	}
}

static inline void patches_undo(struct patches *p)
{
	while (p->n--)
		image_put64(p->image, p->undo[p->n].gpa, p->undo[p->n].was);
	p->n = 0;
}

#endif
