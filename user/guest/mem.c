// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include "guest/mem.h"
#include "util/clock.h"

void guest_mem_init(struct guest_mem *mem, const struct guest_ram *ram,
		    const struct guest_io_ops *ops, void *arg)
{
	*mem = (struct guest_mem){
		.ram = *ram,
		.ops = ops,
		.arg = arg,
		.budget = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
		.generation = 1,
	};
}

void guest_mem_set_ram(struct guest_mem *mem, const struct guest_ram *ram)
{
	mem->ram = *ram;
	mem->generation++;
}

void guest_mem_begin(struct guest_mem *mem, const struct guest_budget *budget)
{
	mem->budget = *budget;
	mem->stats = (struct guest_mem_stats){0};
	mem->generation++;
}

/* The clock is read for one call in 32: it costs as much as a small part of a read. */
static int spend(struct guest_mem *mem, size_t bytes)
{
	struct guest_budget *left = &mem->budget;

	if (left->calls == 0 || left->bytes < bytes)
		return -ETIME;
	if ((mem->stats.calls & 31) == 0 && left->deadline_ns != UINT64_MAX &&
	    mono_ns() > left->deadline_ns)
		return -ETIME;
	left->calls--;
	left->bytes -= bytes;
	mem->stats.calls++;
	mem->stats.bytes += bytes;
	return 0;
}

static int chunk_get(struct guest_mem *mem, uint64_t hva, const struct guest_chunk **ret_chunk)
{
	uint64_t start = hva & ~(GUEST_CHUNK - 1);
	struct guest_chunk *chunk = &mem->cache[(start / GUEST_CHUNK) % GUEST_CHUNK_CACHE];
	int r;

	if (chunk->generation != mem->generation || chunk->hva != start) {
		chunk->generation = 0;
		r = spend(mem, 0);
		if (r == 0)
			r = mem->ops->present(mem->arg, start, chunk->bits);
		if (r < 0)
			return r;
		chunk->hva = start;
		chunk->generation = mem->generation;
	}
	*ret_chunk = chunk;
	return 0;
}

/* Bytes from hva on, at most max, that lie in pages of the same presence. */
static int same_presence(struct guest_mem *mem, uint64_t hva, uint64_t max, bool *ret_present,
			 uint64_t *ret_run)
{
	const struct guest_chunk *chunk;
	unsigned page = (hva % GUEST_CHUNK) / GUEST_PAGE;
	uint64_t run = GUEST_PAGE - hva % GUEST_PAGE;
	bool present;
	int r = chunk_get(mem, hva, &chunk);

	if (r < 0)
		return r;
	present = chunk->bits[page / 64] >> (page % 64) & 1;
	while (run < max && ++page < GUEST_CHUNK_PAGES &&
	       (chunk->bits[page / 64] >> (page % 64) & 1) == present)
		run += GUEST_PAGE;
	*ret_present = present;
	*ret_run = run < max ? run : max;
	return 0;
}

/* One piece of a read: at most to the end of a segment, a chunk or a run of present pages. */
static int read_piece(struct guest_mem *mem, uint64_t gpa, void *buf, size_t len, size_t *ret_run)
{
	uint64_t hva, run;
	bool present;
	int r;

	if (!guest_ram_find(&mem->ram, gpa, &hva, &run)) {
		*ret_run =
			len < GUEST_PAGE - gpa % GUEST_PAGE ? len : GUEST_PAGE - gpa % GUEST_PAGE;
		mem->stats.outside++;
		return -EFAULT;
	}
	r = same_presence(mem, hva, run < len ? run : len, &present, &run);
	if (r < 0)
		return r;
	*ret_run = run;
	if (!present) {
		mem->stats.absent++;
		return -ENXIO;
	}
	r = spend(mem, run);
	return r < 0 ? r : mem->ops->read(mem->arg, hva, buf, run);
}

static int read_loop(struct guest_mem *mem, uint64_t gpa, void *buf, size_t len, bool sparse)
{
	if (len && gpa > UINT64_MAX - (len - 1))
		return -EFAULT;
	while (len) {
		size_t run = 0;
		int r = read_piece(mem, gpa, buf, len, &run);

		if (sparse && (r == -EFAULT || r == -ENXIO) && run)
			memset(buf, 0, run);
		else if (r < 0)
			return r;
		buf = (char *)buf + run;
		gpa += run;
		len -= run;
	}
	return 0;
}

int guest_mem_read(struct guest_mem *mem, uint64_t gpa, void *buf, size_t len)
{
	return read_loop(mem, gpa, buf, len, false);
}

int guest_mem_read_sparse(struct guest_mem *mem, uint64_t gpa, void *buf, size_t len)
{
	return read_loop(mem, gpa, buf, len, true);
}

int guest_mem_read_near(struct guest_mem *mem, uint64_t gpa, void *buf, size_t len)
{
	uint64_t start = gpa & ~(GUEST_PAGE - 1);
	struct guest_page_copy *page = &mem->pages[start / GUEST_PAGE % GUEST_PAGE_CACHE];
	int r;

	if (len > GUEST_PAGE - (gpa - start))
		return -EINVAL;
	if (page->generation != mem->generation || page->gpa != start) {
		page->generation = 0;
		r = guest_mem_read(mem, start, page->bytes, GUEST_PAGE);
		if (r < 0)
			return r;
		page->gpa = start;
		page->generation = mem->generation;
	}
	memcpy(buf, page->bytes + (gpa - start), len);
	return 0;
}
