// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include "guest/kallsyms.h"

#define TOKENS 256
#define TOKEN_LEN_MAX 256
#define BLOCK 256 /* names between two markers */
#define BLOCK_BYTES_MIN 400
#define BLOCK_BYTES_MAX 51200
#define BLOCKS_MIN 60
#define NAMES_MAX (8u << 20) /* bytes of the names table */

static uint16_t get16(const struct kallsyms *k, size_t at)
{
	uint16_t v;

	memcpy(&v, k->window + at, sizeof(v));
	return v;
}

static uint32_t get32(const struct kallsyms *k, size_t at)
{
	uint32_t v;

	memcpy(&v, k->window + at, sizeof(v));
	return v;
}

static uint64_t get64(const struct kallsyms *k, size_t at)
{
	uint64_t v;

	memcpy(&v, k->window + at, sizeof(v));
	return v;
}

static bool fits(const struct kallsyms *k, size_t at, size_t n)
{
	return at <= k->len && n <= k->len - at;
}

static size_t align_up(size_t at, size_t to)
{
	return (at + to - 1) & ~(to - 1);
}

/* Each token that a digit stands for is that digit itself: the one fixed text of the table. */
static const uint8_t digits[20] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";

static bool index_fits(const struct kallsyms *k, size_t index, size_t digit0, size_t *ret_start)
{
	size_t start;

	if (!fits(k, index, TOKENS * 2) || get16(k, index) != 0)
		return false;
	if (get16(k, index + 2 * '0') > digit0)
		return false;
	start = digit0 - get16(k, index + 2 * '0');
	for (unsigned i = 1; i < TOKENS; i++) {
		uint16_t at = get16(k, index + 2 * i);

		if (at <= get16(k, index + 2 * (i - 1)) || start + at >= index ||
		    k->window[start + at - 1] != 0)
			return false;
	}
	*ret_start = start;
	return true;
}

/* From the token "0" find the end of the table, and the index behind it. */
static bool tokens_at(const struct kallsyms *k, size_t digit0, size_t *ret_start, size_t *ret_index)
{
	size_t at = digit0;

	for (unsigned i = '0'; i < TOKENS; i++) {
		size_t left = k->len - at < TOKEN_LEN_MAX ? k->len - at : TOKEN_LEN_MAX;
		const uint8_t *end = memchr(k->window + at, 0, left);

		if (!end || end == k->window + at)
			return false;
		at = end - k->window + 1;
	}
	for (size_t align = 2; align <= 8; align *= 2) {
		if (index_fits(k, align_up(at, align), digit0, ret_start)) {
			*ret_index = align_up(at, align);
			return true;
		}
	}
	return false;
}

int kallsyms_tokens(const uint8_t *window, size_t len, size_t from, size_t *ret_at)
{
	struct kallsyms k = {.window = window, .len = len};

	while (from < len) {
		const uint8_t *hit = memmem(window + from, len - from, digits, sizeof(digits));
		size_t start, index;

		if (!hit)
			return -ENOENT;
		if (tokens_at(&k, hit - window, &start, &index)) {
			*ret_at = hit - window;
			return 0;
		}
		from = hit - window + 1;
	}
	return -ENOENT;
}

/* Step over one name; false when it would leave the table. */
static bool name_next(const struct kallsyms *k, size_t end, size_t *at, size_t *ret_len)
{
	size_t len;

	if (*at >= end)
		return false;
	len = k->window[(*at)++];
	if (len & 0x80) {
		if (*at >= end)
			return false;
		len = (len & 0x7f) | (size_t)k->window[(*at)++] << 7;
	}
	if (len == 0 || len > end - *at)
		return false;
	*ret_len = len;
	return true;
}

/* Do n names from start on agree with every marker, and end right before the markers? */
static bool names_fit(const struct kallsyms *k, size_t start, uint32_t n, size_t markers)
{
	size_t at = start, len;

	for (uint32_t i = 0; i < n; i++) {
		if (i % BLOCK == 0 && at - start != get32(k, markers + 4 * (i / BLOCK)))
			return false;
		if (!name_next(k, markers, &at, &len))
			return false;
		at += len;
	}
	return markers - at < 8;
}

/* How many words from at on look like markers. */
static uint32_t markers_run(const struct kallsyms *k, size_t at, size_t end)
{
	uint32_t n = 1, last = 0;

	if (get32(k, at) != 0)
		return 0;
	for (at += 4; at + 4 <= end; at += 4, n++) {
		uint32_t next = get32(k, at);

		if (next <= last || next - last < BLOCK_BYTES_MIN || next - last > BLOCK_BYTES_MAX)
			break;
		last = next;
	}
	return n;
}

/* The symbol count stands 8 bytes before the names, or 4 where it was not aligned. */
static bool count_at(const struct kallsyms *k, size_t names, size_t markers, uint32_t run,
		     size_t *ret_at)
{
	for (size_t back = 8; back >= 4; back -= 4) {
		uint32_t n, blocks, last;

		if (names < back)
			continue;
		n = get32(k, names - back);
		blocks = n / BLOCK + (n % BLOCK != 0);
		if (blocks < BLOCKS_MIN || blocks > run)
			continue;
		last = get32(k, markers + 4 * (blocks - 1));
		if (last >= markers - names || markers - names - last > BLOCK_BYTES_MAX)
			continue;
		if (!names_fit(k, names, n, markers))
			continue;
		*ret_at = names - back;
		return true;
	}
	return false;
}

static bool names_find(struct kallsyms *k, size_t markers, uint32_t run, size_t *ret_count)
{
	size_t lowest = markers > NAMES_MAX ? markers - NAMES_MAX : 0;
	size_t shortest = get32(k, markers + 4 * (BLOCKS_MIN - 1));

	if (shortest + 8 > markers)
		return false;
	for (size_t names = (markers - shortest) & ~3ull; names >= lowest + 8; names -= 4) {
		if (!count_at(k, names, markers, run, ret_count))
			continue;
		k->names = names;
		k->names_end = markers;
		k->n = get32(k, *ret_count);
		return true;
	}
	return false;
}

/* 6.2 and 6.3 put 3 bytes a symbol between the markers and the tokens: so search backwards. */
static bool markers_find(struct kallsyms *k, size_t *ret_count)
{
	size_t lowest = k->tokens > NAMES_MAX / 2 ? k->tokens - NAMES_MAX / 2 : 0;
	size_t high = k->tokens & ~3ull;

	for (size_t at = high; at >= lowest + 4; at -= 4) {
		uint32_t run;

		if (get32(k, at - 4) != 0)
			continue;
		run = markers_run(k, at - 4, high);
		if (run >= BLOCKS_MIN && names_find(k, at - 4, run, ret_count))
			return true;
	}
	return false;
}

static uint64_t value_at(const struct kallsyms *k, uint32_t i)
{
	int32_t off = (int32_t)get32(k, k->offsets + 4 * (size_t)i);

	if (k->layout == KALLSYMS_PLACE)
		return k->offsets + 4 * (uint64_t)i + (int64_t)off;
	if (!k->percpu_absolute)
		return k->base + (uint32_t)off;
	return off >= 0 ? (uint64_t)off : k->base - 1 - (int64_t)off;
}

/* The linker sorts symbols by address: a wrong guess of the layout gives disorder at once. */
static bool values_sorted(const struct kallsyms *k)
{
	uint32_t down = 0;

	for (uint32_t i = 1; i < k->n; i++)
		down += value_at(k, i) < value_at(k, i - 1);
	return down <= k->n / 64;
}

static void percpu_detect(struct kallsyms *k)
{
	uint32_t negative = 0;

	for (uint32_t i = 0; i < k->n; i++)
		negative += (int32_t)get32(k, k->offsets + 4 * (size_t)i) < 0;
	k->percpu_absolute = negative > k->n / 2;
}

static bool try_layout(struct kallsyms *k, enum kallsyms_layout layout, size_t offsets, size_t base)
{
	if (!fits(k, offsets, 4 * (size_t)k->n))
		return false;
	k->layout = layout;
	k->offsets = offsets;
	k->percpu_absolute = false;
	if (layout != KALLSYMS_PLACE) {
		if (!fits(k, base, 8))
			return false;
		k->base = get64(k, base);
		if (k->base >> 31 != 0x1ffffffff || k->base & 0xfff)
			return false;
		percpu_detect(k);
	}
	return values_sorted(k);
}

static bool offsets_find(struct kallsyms *k, size_t count)
{
	size_t behind = align_up(k->token_index + 2 * TOKENS, 4);
	size_t size = align_up(4 * (size_t)k->n, 8);

	if (count >= size + 8 && try_layout(k, KALLSYMS_BASE_FIRST, count - 8 - size, count - 8))
		return true;
	if (try_layout(k, KALLSYMS_BASE_LAST, behind, align_up(behind + 4 * (size_t)k->n, 8)))
		return true;
	return try_layout(k, KALLSYMS_PLACE, behind, 0);
}

int kallsyms_open(const uint8_t *window, size_t len, size_t at, struct kallsyms *ret_syms)
{
	struct kallsyms k = {.window = window, .len = len};
	size_t count;

	if (at >= len || !tokens_at(&k, at, &k.tokens, &k.token_index))
		return -ENOENT;
	if (!markers_find(&k, &count) || !offsets_find(&k, count))
		return -ENOENT;
	*ret_syms = k;
	return 0;
}

/* Spell a name out, without the letter of its type. False: longer than any name. */
static bool expand(const struct kallsyms *k, size_t at, size_t len, char *name)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		size_t token = k->tokens + get16(k, k->token_index + 2 * k->window[at + i]);
		size_t end = token;

		while (end < k->token_index && k->window[end])
			end++;
		if (end - token > KALLSYMS_NAME_MAX - 1 - used)
			return false;
		memcpy(name + used, k->window + token, end - token);
		used += end - token;
	}
	name[used] = '\0';
	return used > 1;
}

void kallsyms_find(const struct kallsyms *syms, struct kallsyms_wanted *wanted, unsigned n)
{
	char name[KALLSYMS_NAME_MAX];
	size_t at = syms->names, len;

	for (uint32_t i = 0; i < syms->n; i++, at += len) {
		if (!name_next(syms, syms->names_end, &at, &len))
			return;
		if (!expand(syms, at, len, name))
			continue;
		for (unsigned w = 0; w < n; w++) {
			if (wanted[w].found || strcmp(name + 1, wanted[w].name))
				continue;
			wanted[w].found = true;
			wanted[w].value = value_at(syms, i);
		}
	}
}
