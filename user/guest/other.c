// SPDX-License-Identifier: Apache-2.0
#include "guest/other.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define PIECE (64u << 10)
#define OVERLAP 11u /* a letter less than the shorter word, which is not seen twice then */
#define SEARCH_MAX (512ull << 20)
#define NOISE_LEAST 64 /* pages to judge by */
#define NOISE_SHARE 0.95
#define DRIVERS_LEAST 3 /* one mention alone may be a file that lies in a cache */

struct look {
	struct guest_mem *mem;
	uint8_t piece[PIECE + OVERLAP];
	uint64_t searched;
	unsigned pages, noise, banners, drivers;
};

/*
 * A page of ciphertext has each byte value about 16 times. Memory in the clear has few pages like
 * that: compressed files at most.
 */
static bool is_noise(const uint8_t *page)
{
	uint16_t count[256] = {0};

	for (unsigned i = 0; i < GUEST_PAGE; i++)
		count[page[i]]++;
	for (unsigned i = 0; i < 256; i++)
		if (count[i] == 0 || count[i] > 48)
			return false;
	return true;
}

static unsigned count_word(const uint8_t *piece, size_t len, const char *word)
{
	size_t n = strlen(word);
	const uint8_t *at = piece;
	unsigned found = 0;

	while ((at = memmem(at, len - (at - piece), word, n))) {
		found++;
		at += n;
	}
	return found;
}

/* Absent pages read as zeroes, which say nothing: they are not looked at. */
static void judge_page(struct look *look, const uint8_t *page)
{
	static const uint8_t zeroes[64];

	if (!memcmp(page, zeroes, sizeof(zeroes)) && !page[GUEST_PAGE - 1])
		return;
	look->pages++;
	look->noise += is_noise(page);
}

static int look_at(struct look *look, uint64_t gpa, size_t len)
{
	int r = guest_mem_read_sparse(look->mem, gpa, look->piece + OVERLAP, len);

	if (r < 0)
		return r;
	judge_page(look, look->piece + OVERLAP);
	look->banners += count_word(look->piece, len + OVERLAP, "Linux version ");
	look->drivers += count_word(look->piece, len + OVERLAP, "ntoskrnl.exe");
	/* A word across the border is seen whole the next time, as its end is no word. */
	memmove(look->piece, look->piece + len, OVERLAP);
	look->searched += len;
	return 0;
}

static int look_at_all(struct look *look)
{
	const struct guest_ram *ram = &look->mem->ram;

	for (uint32_t i = 0; i < ram->n; i++) {
		for (uint64_t at = 0; at < ram->seg[i].size; at += PIECE) {
			uint64_t left = ram->seg[i].size - at;
			int r = look_at(look, ram->seg[i].gpa + at, left < PIECE ? left : PIECE);

			if (r < 0 || look->searched >= SEARCH_MAX || look->banners)
				return r;
		}
	}
	return 0;
}

enum guest_status guest_other(struct guest_mem *mem)
{
	struct look look = {.mem = mem};
	int r = look_at_all(&look);

	if (r == -EIO || r == -ESRCH || r == -EBADF)
		return GUEST_IO;
	if (look.banners)
		return GUEST_PLAIN_LINUX;
	if (look.pages >= NOISE_LEAST && look.noise >= NOISE_SHARE * look.pages)
		return GUEST_ENCRYPTED;
	if (look.drivers >= DRIVERS_LEAST)
		return GUEST_WINDOWS;
	return r < 0 ? GUEST_BUSY : GUEST_NO_BTF;
}
