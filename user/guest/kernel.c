// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "guest/kallsyms.h"
#include "guest/kernel.h"
#include "guest/other.h"
#include "guest/scan.h"

#define IMAGE_ALIGN (2ull << 20)
#define IMAGE_MAX (1ull << 30)
#define SEARCH_MAX (48ull << 20) /* the symbol table lies at most so far below the BTF */
#define SEARCH_PIECE (4ull << 20)
#define SEARCH_LAP 65536ull
#define WINDOW_BELOW (8ull << 20)
#define WINDOW_ABOVE (2ull << 20)
#define FOUR_GIB (4ull << 30)
#define LEVEL5_BELOW 0xffff800000000000ull
#define LINEAR_FIXED4 0xffff888000000000ull
#define LINEAR_FIXED5 0xff11000000000000ull

static const char *const symbol_names[SYM_MAX] = {
#define S(id, name) [SYM_##id] = name,
	KERNEL_SYMBOLS(S)
#undef S
};

static const char *const status_texts[GUEST_STATUS_MAX] = {
	[GUEST_OK] = "ok",
	[GUEST_NO_RAM] = "unsupported: the VMM has no block of memory that may be guest RAM",
	[GUEST_ENCRYPTED] = "unsupported: its memory is encrypted (SEV or TDX)",
	[GUEST_WINDOWS] = "unsupported: this looks like Windows",
	[GUEST_PLAIN_LINUX] = "unsupported: a Linux kernel without BTF (CONFIG_DEBUG_INFO_BTF)",
	[GUEST_NO_BTF] = "unsupported: no Linux kernel found (another system, or still booting)",
	[GUEST_BAD_BTF] = "unsupported: only remains of a kernel found (still booting?)",
	[GUEST_NO_SYMBOLS] = "unsupported: the kernel has no symbol table with data symbols",
	[GUEST_NO_IMAGE] = "unsupported: the symbol table leads to no kernel image",
	[GUEST_NO_TABLES] = "unsupported: the page tables do not agree with the RAM map",
	[GUEST_STANDS] = "its clock stands still: paused, or rebooting",
	[GUEST_BUSY] = "the guest changed too fast, or the budget of a look was used up",
	[GUEST_IO] = "the VMM's memory cannot be read",
};

const char *guest_status_text(enum guest_status status)
{
	return status < GUEST_STATUS_MAX ? status_texts[status] : "unknown";
}

/* Large buffers are mapped, so that they leave the process again when they are done with. */
struct buffer {
	void *p;
	size_t len;
};

static int buffer_get(struct buffer *b, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	*b = (struct buffer){.p = p, .len = len};
	return 0;
}

static void buffer_put(struct buffer *b)
{
	if (b->p)
		munmap(b->p, b->len);
	b->p = NULL;
}
#define with_buffer __attribute__((cleanup(buffer_put)))

/* What is known of a candidate while it is being judged. */
struct candidate {
	struct guest_kernel *k;
	struct layout_cache *cache;
	uint64_t btf_gpa, btf_len;
	uint64_t text_gpa; /* in the map of the moment */
	bool place; /* addresses below are guest-physical */
	uint64_t at[SYM_MAX];
	bool has[SYM_MAX];
};

static enum guest_status status_of(int r, enum guest_status otherwise)
{
	if (r == -ETIME)
		return GUEST_BUSY;
	if (r == -EIO || r == -ESRCH || r == -EBADF)
		return GUEST_IO;
	return otherwise;
}

static enum guest_status read_layout(struct candidate *c)
{
	with_buffer struct buffer blob = {0};
	int r = buffer_get(&blob, c->btf_len);

	if (r == 0)
		r = guest_mem_read(c->k->mem, c->btf_gpa, blob.p, c->btf_len);
	if (r == 0)
		r = layout_get(c->cache, blob.p, c->btf_len, &c->k->layout);
	return r < 0 ? status_of(r, GUEST_BAD_BTF) : GUEST_OK;
}

static bool take_symbols(struct candidate *c, const struct kallsyms *syms, uint64_t window_gpa)
{
	struct kallsyms_wanted wanted[SYM_MAX];

	for (unsigned i = 0; i < SYM_MAX; i++)
		wanted[i] = (struct kallsyms_wanted){.name = symbol_names[i]};
	kallsyms_find(syms, wanted, SYM_MAX);
	c->place = syms->layout == KALLSYMS_PLACE;
	for (unsigned i = 0; i < SYM_MAX; i++) {
		c->has[i] = wanted[i].found;
		c->at[i] = wanted[i].value + (c->place ? window_gpa : 0);
	}
	return c->has[SYM_TEXT] && c->has[SYM_END] && c->has[SYM_INIT_TASK] &&
	       c->has[SYM_PHYS_BASE] && c->has[SYM_START_BTF] && c->has[SYM_MAX_PFN] &&
	       c->has[SYM_TOP_PGT];
}

/* Decode the tables around a token table at gpa. */
static int read_tables(struct candidate *c, uint64_t gpa)
{
	with_buffer struct buffer window = {0};
	uint64_t start = gpa > WINDOW_BELOW ? (gpa - WINDOW_BELOW) & ~(GUEST_PAGE - 1) : 0;
	struct kallsyms syms;
	int r = buffer_get(&window, gpa - start + WINDOW_ABOVE);

	if (r == 0)
		r = guest_mem_read_sparse(c->k->mem, start, window.p, window.len);
	if (r == 0)
		r = kallsyms_open(window.p, window.len, gpa - start, &syms);
	if (r < 0)
		return r;
	return take_symbols(c, &syms, start) ? 0 : -ENOENT;
}

static int tables_in_piece(struct candidate *c, uint64_t start, const struct buffer *piece)
{
	size_t at, from = 0;
	int r = guest_mem_read_sparse(c->k->mem, start, piece->p, piece->len);

	while (r == 0) {
		r = kallsyms_tokens(piece->p, piece->len, from, &at);
		if (r == 0)
			r = read_tables(c, start + at);
		else
			return r;
		if (r == 0)
			return 0;
		from = at + 1;
		r = r == -ENOENT ? 0 : r;
	}
	return r;
}

static enum guest_status read_symbols(struct candidate *c)
{
	with_buffer struct buffer piece = {0};
	uint64_t base = c->btf_gpa & ~(GUEST_PAGE - 1);
	int r = buffer_get(&piece, SEARCH_PIECE + SEARCH_LAP);

	for (uint64_t back = SEARCH_PIECE; r == 0 && back <= SEARCH_MAX; back += SEARCH_PIECE) {
		if (back > base)
			break;
		r = tables_in_piece(c, base - back, &piece);
		if (r != -ENOENT)
			return r == 0 ? GUEST_OK : status_of(r, GUEST_NO_SYMBOLS);
		r = 0;
	}
	return status_of(r, GUEST_NO_SYMBOLS);
}

/* The image begins where the BTF's own symbol says; BTF's length must agree as well. */
static bool image_place(struct candidate *c)
{
	uint64_t btf_off = c->at[SYM_START_BTF] - c->at[SYM_TEXT];
	uint64_t size = c->at[SYM_END] - c->at[SYM_TEXT];

	if (size > IMAGE_MAX || btf_off > size || btf_off > c->btf_gpa)
		return false;
	c->text_gpa = c->btf_gpa - btf_off;
	if (c->place && c->text_gpa != c->at[SYM_TEXT])
		return false;
	if (c->has[SYM_STOP_BTF] && c->at[SYM_STOP_BTF] - c->at[SYM_START_BTF] - c->btf_len > 4096)
		return false;
	return c->text_gpa % IMAGE_ALIGN == 0;
}

static int image_read(struct candidate *c, enum kernel_symbol symbol, void *buf, size_t len)
{
	uint64_t off = c->at[symbol] - c->at[SYM_TEXT];

	if (!c->has[symbol] || off > IMAGE_MAX)
		return -ENOENT;
	return guest_mem_read(c->k->mem, c->text_gpa + off, buf, len);
}

/*
 * A PC's RAM is one block for its VMM with a hole below 4 GiB for its guest: the highest page
 * frame that the kernel knows tells how large the hole is.
 */
static bool map_refine(struct candidate *c, uint64_t top)
{
	struct guest_mem *mem = c->k->mem;
	uint64_t size = mem->ram.seg[0].size, hva = mem->ram.seg[0].hva, hole = top - size;
	struct guest_ram ram;

	if (top <= FOUR_GIB || top <= size)
		return true;
	if (hole >= FOUR_GIB || hole % GUEST_PAGE ||
	    guest_ram_split(&ram, hva, size, FOUR_GIB - hole) < 0)
		return false;
	guest_mem_set_ram(mem, &ram);
	if (c->text_gpa >= FOUR_GIB - hole)
		c->text_gpa += hole;
	return true;
}

static void symbols_to_va(struct candidate *c, uint64_t text_va)
{
	for (unsigned i = 0; i < SYM_MAX; i++) {
		c->k->symbol[i] = 0;
		if (c->has[i])
			c->k->symbol[i] =
				c->place ? c->at[i] - c->at[SYM_TEXT] + text_va : c->at[i];
	}
}

static void space_fill(struct candidate *c, uint64_t text_va, uint64_t top)
{
	struct guest_space *s = &c->k->space;
	uint64_t linear = 0, mask = 0;

	image_read(c, SYM_PAGE_OFFSET, &linear, 8);
	image_read(c, SYM_SME_MASK, &mask, 8);
	*s = (struct guest_space){
		.mem = c->k->mem,
		.text_va = text_va,
		.text_end = text_va + (c->at[SYM_END] - c->at[SYM_TEXT]),
		.text_pa = c->text_gpa,
		.linear_va = linear ? linear : LINEAR_FIXED4,
		.linear_len = top,
		.encrypt_mask = mask,
	};
	s->levels = s->linear_va < LEVEL5_BELOW ? 5 : 4;
	s->pgd_pa = c->text_gpa + (c->at[SYM_TOP_PGT] - c->at[SYM_TEXT]);
}

static bool walks_to(struct guest_space *space, uint64_t va, uint64_t gpa)
{
	uint64_t got, run;

	return guest_space_walk(space, va, &got, &run) == 0 && got == gpa;
}

/* The kernel's own tables must say what was computed, by both of its views of the image. */
static bool space_agrees(struct guest_space *space)
{
	if (space->linear_va & (GUEST_PAGE - 1) ||
	    space->linear_len > UINT64_MAX - space->linear_va)
		return false;
	return walks_to(space, space->text_va, space->text_pa) &&
	       walks_to(space, space->linear_va + space->text_pa, space->text_pa);
}

static enum guest_status read_space(struct candidate *c, bool guessed)
{
	uint64_t phys_base, max_pfn, text_va;

	if (image_read(c, SYM_PHYS_BASE, &phys_base, 8) < 0 ||
	    image_read(c, SYM_MAX_PFN, &max_pfn, 8) < 0 || max_pfn > UINT64_MAX >> 16)
		return GUEST_NO_IMAGE;
	if (guessed && !map_refine(c, max_pfn * GUEST_PAGE))
		return GUEST_NO_TABLES;
	text_va = c->text_gpa - phys_base + KERNEL_MAP_BASE;
	if (text_va % IMAGE_ALIGN || text_va < KERNEL_MAP_BASE ||
	    text_va - KERNEL_MAP_BASE >= IMAGE_MAX || (!c->place && text_va != c->at[SYM_TEXT]))
		return GUEST_NO_IMAGE;
	/* Image offsets must stay valid after the text moved with the map. */
	symbols_to_va(c, text_va);
	space_fill(c, text_va, max_pfn * GUEST_PAGE);
	if (space_agrees(&c->k->space))
		return GUEST_OK;
	if (!c->has[SYM_PAGE_OFFSET]) {
		c->k->space.linear_va = LINEAR_FIXED5;
		c->k->space.levels = 5;
		if (space_agrees(&c->k->space))
			return GUEST_OK;
	}
	return GUEST_NO_TABLES;
}

int guest_kernel_read(struct guest_kernel *kernel, enum kernel_symbol symbol, uint64_t offset,
		      void *buf, size_t n)
{
	if (!kernel->symbol[symbol])
		return -ENOENT;
	return guest_space_read(&kernel->space, kernel->symbol[symbol] + offset, buf, n);
}

static void read_cpus(struct guest_kernel *k)
{
	uint32_t cpus;

	k->cpus = 0;
	if (guest_kernel_read(k, SYM_NR_CPU_IDS, 0, &cpus, 4) < 0 || cpus == 0 ||
	    cpus > GUEST_CPUS_MAX)
		return;
	if (guest_kernel_read(k, SYM_PERCPU_OFFSET, 0, k->percpu, cpus * sizeof(k->percpu[0])) < 0)
		return;
	k->cpus = cpus;
}

static bool init_task_there(struct guest_kernel *k)
{
	char comm[8];

	return guest_kernel_read(k, SYM_INIT_TASK, k->layout.field[L_TASK_COMM].offset, comm,
				 sizeof(comm)) == 0 &&
	       memcmp(comm, "swapper", 7) == 0;
}

bool guest_kernel_check(struct guest_kernel *kernel)
{
	char banner[sizeof(kernel->banner)];

	return guest_kernel_read(kernel, SYM_BANNER, 0, banner, sizeof(banner)) == 0 &&
	       memcmp(banner, kernel->banner, sizeof(banner)) == 0 && init_task_there(kernel) &&
	       space_agrees(&kernel->space);
}

static enum guest_status candidate_judge(struct candidate *c, bool guessed)
{
	struct guest_kernel *k = c->k;
	enum guest_status status = read_layout(c);

	if (status == GUEST_OK)
		status = read_symbols(c);
	if (status != GUEST_OK)
		return status;
	if (!image_place(c))
		return GUEST_NO_IMAGE;
	status = read_space(c, guessed);
	if (status != GUEST_OK)
		return status;
	if (guest_kernel_read(k, SYM_BANNER, 0, k->banner, sizeof(k->banner)) < 0 ||
	    memcmp(k->banner, "Linux version ", 14) || !init_task_there(k))
		return GUEST_NO_IMAGE;
	read_cpus(k);
	return GUEST_OK;
}

enum guest_status guest_kernel_attach(struct guest_kernel *kernel, struct guest_mem *mem,
				      bool guessed, uint64_t avoid, struct layout_cache *cache)
{
	const struct guest_ram first = mem->ram;
	enum guest_status worst = GUEST_NO_BTF;
	struct guest_scan scan;
	int r;

	guest_scan_begin(&scan, mem);
	for (;;) {
		struct candidate c = {.k = kernel, .cache = cache};
		struct btf_extent extent;
		enum guest_status status;
		uint64_t run;

		r = guest_scan_next(&scan, &c.btf_gpa, &extent);
		if (r < 0)
			return status_of(r, worst == GUEST_NO_BTF ? guest_other(mem) : worst);
		c.btf_len = extent.len;
		*kernel = (struct guest_kernel){.mem = mem};
		if (!guest_ram_find(&mem->ram, c.btf_gpa, &kernel->btf_hva, &run) ||
		    kernel->btf_hva == avoid)
			continue;
		status = candidate_judge(&c, guessed);
		if (status == GUEST_OK || status == GUEST_BUSY || status == GUEST_IO)
			return status;
		if (status > worst)
			worst = status;
		guest_mem_set_ram(mem, &first);
	}
}
