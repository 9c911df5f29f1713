// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "unit/guest_image.h"

#define GUARD (16ull << 20)
#define MEMBERS 24
#define STRINGS 25600 /* fillers: so that a sample always hits a page of them */
#define LEVEL4 0xffff888000000000ull
#define LEVEL5 0xff11000000000000ull
#define PERCPU_AT 0x1000ull /* address of the first per-CPU variable in kernels that count from 0 */
#define PERCPU_STEP 0x10000ull

struct blob {
	uint8_t *p;
	size_t len;
};

static void put(struct blob *b, const void *data, size_t len)
{
	memcpy(b->p + b->len, data, len);
	b->len += len;
}

static void put_u32(struct blob *b, uint32_t v)
{
	put(b, &v, 4);
}

static void pad_to(struct blob *b, size_t align)
{
	while (b->len % align)
		b->p[b->len++] = 0;
}

/* --- BTF ------------------------------------------------------------------------------------- */
struct member {
	const char *name;
	unsigned type, offset;
};

struct type {
	const char *name;
	unsigned size;
	struct member member[MEMBERS];
};

enum {
	INT4 = 1,
	INT8,
	CHAR,
	COMM16,
	PTR,
	LIST,
	NAME65,
	STAT10,
	EVENT8,
	MARK4,
	ZONES2,
	COUNTERS4,
	COUNT4,
	CACHE4,
	ENTITY,
	INFO,
	IOAC,
	PREV,
	RSS_ATOMIC_T,
	PERCPU_T,
	FDTABLE,
	UTSNAME,
	TKR,
	ZONE,
	CACHE_T
};

static const struct type helpers[] = {
	{"list_head", 16, {{"next", PTR, 0}, {"prev", PTR, 8}}},
};

static const struct type inner[] = {
	{"sched_entity", 64, {{"sum_exec_runtime", INT8, 8}}},
	{"sched_info", 32, {{"pcount", INT8, 0}, {"run_delay", INT8, 8}}},
	{"task_io_accounting",
	 56,
	 {{"rchar", INT8, 0},
	  {"wchar", INT8, 8},
	  {"syscr", INT8, 16},
	  {"syscw", INT8, 24},
	  {"read_bytes", INT8, 32},
	  {"write_bytes", INT8, 40}}},
	{"prev_cputime", 24, {{"utime", INT8, 0}, {"stime", INT8, 8}}},
	{"mm_rss_stat", 32, {{"count", COUNT4, 0}}},
	{"percpu_counter", 40, {{"count", INT8, 8}, {"counters", PTR, 32}}},
	{"fdtable", 56, {{"max_fds", INT4, 0}, {"fd", PTR, 8}, {"open_fds", PTR, 24}}},
	{"new_utsname", 390, {{"nodename", NAME65, 65}, {"release", NAME65, 130}}},
	{"tk_read_base", 56, {{"shift", INT4, 28}, {"xtime_nsec", INT8, 32}, {"base", INT8, 40}}},
	{"zone", 256, {{"_watermark", MARK4, 0}, {"watermark_boost", INT8, 32}}},
	{"task_rss_stat", 20, {{"count", CACHE4, 4}}},
};

static const struct type outer[] = {
	{"task_struct",
	 0x400,
	 {{"__state", INT4, 0x18},  {"tasks", LIST, T_TASKS},	 {"pid", INT4, T_PID},
	  {"tgid", INT4, T_TGID},   {"signal", PTR, T_SIGNAL},	 {"mm", PTR, T_MM},
	  {"files", PTR, 0x78},	    {"cred", PTR, 0x80},	 {"thread_node", LIST, T_NODE},
	  {"comm", COMM16, T_COMM}, {"real_parent", PTR, 0xb0},	 {"exit_state", INT4, 0xb8},
	  {"flags", INT4, 0xbc},    {"utime", INT8, 0xc0},	 {"stime", INT8, 0xc8},
	  {"se", ENTITY, 0x100},    {"sched_info", INFO, 0x140}, {"start_boottime", INT8, 0x160},
	  {"min_flt", INT8, 0x168}, {"maj_flt", INT8, 0x170},	 {"nvcsw", INT8, 0x178},
	  {"nivcsw", INT8, 0x180},  {"ioac", IOAC, 0x188},	 {"rss_stat", CACHE_T, 0x1c0}}},
	{"signal_struct",
	 0x200,
	 {{"nr_threads", INT4, S_THREADS},
	  {"thread_head", LIST, S_HEAD},
	  {"utime", INT8, 0x20},
	  {"stime", INT8, 0x28},
	  {"sum_sched_runtime", INT8, 0x30},
	  {"prev_cputime", PREV, 0x38},
	  {"min_flt", INT8, 0x50},
	  {"maj_flt", INT8, 0x58},
	  {"nvcsw", INT8, 0x60},
	  {"nivcsw", INT8, 0x68},
	  {"ioac", IOAC, 0x70}}},
	{"mm_struct", 0x200, {{"rss_stat", 0, 0x100}}},
	{"files_struct", 0x100, {{"fdt", PTR, 0x20}, {"fdtab", FDTABLE, 0x28}}},
	{"cred", 0x80, {{"uid", INT4, 8}}},
	{"kernel_cpustat", 80, {{"cpustat", STAT10, 0}}},
	{"tick_sched", 128, {{"idle_sleeptime", INT8, 64}, {"iowait_sleeptime", INT8, 72}}},
	{"rq", 256, {{"rq_sched_info", INFO, 128}}},
	{"vm_event_state", 64, {{"event", EVENT8, 0}}},
	{"pglist_data", 1024, {{"node_zones", ZONES2, 0}}},
	{"uts_namespace", 400, {{"name", UTSNAME, 0}}},
	{"timekeeper", 128, {{"tkr_mono", TKR, 0}, {"offs_boot", INT8, 80}}},
};

struct value {
	const char *holder, *name;
	unsigned value;
};

static const struct value values[] = {
	{"zone_stat_item", "NR_FREE_PAGES", 0},
	{"node_stat_item", "NR_FILE_PAGES", 3},
	{"node_stat_item", "NR_SHMEM", 4},
	{"node_stat_item", "NR_ACTIVE_FILE", 1},
	{"node_stat_item", "NR_INACTIVE_FILE", 2},
	{"node_stat_item", "NR_SLAB_RECLAIMABLE_B", 5},
	{"node_stat_item", "NR_KERNEL_MISC_RECLAIMABLE", 6},
	{"vm_event_item", "PGFAULT", 1},
	{"vm_event_item", "PGMAJFAULT", 2},
	{"vm_event_item", "PSWPIN", 3},
	{"vm_event_item", "PSWPOUT", 4},
	{"zone_watermarks", "WMARK_LOW", 1},
	{"cpu_usage_stat", "CPUTIME_USER", 0},
	{"cpu_usage_stat", "CPUTIME_NICE", 1},
	{"cpu_usage_stat", "CPUTIME_SYSTEM", 2},
	{"cpu_usage_stat", "CPUTIME_SOFTIRQ", 3},
	{"cpu_usage_stat", "CPUTIME_IRQ", 4},
	{"cpu_usage_stat", "CPUTIME_IDLE", 5},
	{"cpu_usage_stat", "CPUTIME_IOWAIT", 6},
	{"cpu_usage_stat", "CPUTIME_STEAL", 7},
};

struct btf_out {
	struct blob types, strs;
};

static uint32_t string(struct btf_out *o, const char *s)
{
	uint32_t at = o->strs.len;

	put(&o->strs, s, strlen(s) + 1);
	return at;
}

static void type(struct btf_out *o, const char *name, unsigned kind, unsigned vlen, uint32_t size)
{
	put_u32(&o->types, name ? string(o, name) : 0);
	put_u32(&o->types, kind << 24 | vlen);
	put_u32(&o->types, size);
}

static void array(struct btf_out *o, unsigned elem, unsigned n)
{
	type(o, NULL, KIND_ARRAY, 0, 0);
	put_u32(&o->types, elem);
	put_u32(&o->types, INT4);
	put_u32(&o->types, n);
}

static void struct_type(struct btf_out *o, const struct type *t, unsigned rss)
{
	unsigned n = 0;

	while (n < MEMBERS && t->member[n].name)
		n++;
	type(o, t->name, KIND_STRUCT, n, t->size);
	for (unsigned i = 0; i < n; i++) {
		put_u32(&o->types, string(o, t->member[i].name));
		put_u32(&o->types, t->member[i].type ? t->member[i].type : rss);
		put_u32(&o->types, t->member[i].offset * 8);
	}
}

static void enum_type(struct btf_out *o, unsigned first, unsigned n)
{
	type(o, values[first].holder, KIND_ENUM, n, 4);
	for (unsigned i = first; i < first + n; i++) {
		put_u32(&o->types, string(o, values[i].name));
		put_u32(&o->types, values[i].value);
	}
}

static void enums(struct btf_out *o)
{
	unsigned n_values = sizeof(values) / sizeof(values[0]);

	for (unsigned first = 0, n; first < n_values; first += n) {
		for (n = 1; first + n < n_values &&
			    !strcmp(values[first].holder, values[first + n].holder);)
			n++;
		enum_type(o, first, n);
	}
}

static void scalar_types(struct btf_out *o)
{
	type(o, "unsigned int", KIND_INT, 0, 4);
	put_u32(&o->types, 32);
	type(o, "u64", KIND_INT, 0, 8);
	put_u32(&o->types, 64);
	type(o, "char", KIND_INT, 0, 1);
	put_u32(&o->types, 8);
	array(o, CHAR, 16);
	type(o, NULL, KIND_PTR, 0, 0);
	struct_type(o, &helpers[0], 0);
	array(o, CHAR, 65);
	array(o, INT8, 10);
	array(o, INT8, 8);
	array(o, INT8, 4);
	array(o, ZONE, 2);
	array(o, PERCPU_T, 4);
	array(o, INT8, 4);
	array(o, INT4, 4);
}

/* A kind of the future, which only the layout section describes: 4 bytes and 8 for each element. */
#define KIND_FUTURE 21

static void future_type(struct btf_out *o)
{
	uint32_t body[1 + 2 * 3] = {0xdeadbeef};

	type(o, "thing_of_the_future", KIND_FUTURE, 3, 0);
	put(&o->types, body, sizeof(body));
}

static void all_types(struct btf_out *o, const struct image_options *options)
{
	char name[16];

	put(&o->strs, "", 1);
	scalar_types(o);
	for (unsigned i = 0; i < sizeof(inner) / sizeof(inner[0]); i++)
		struct_type(o, &inner[i], 0);
	if (options->wide_header)
		future_type(o);
	for (unsigned i = 0; i < sizeof(outer) / sizeof(outer[0]); i++) {
		/* Kernels that count in the mm's percpu counters have no cache in the task. */
		struct type t = outer[i];

		for (unsigned k = 0; i == 0 && options->rss != RSS_ATOMIC && k < MEMBERS; k++) {
			if (t.member[k].type == CACHE_T)
				t.member[k].name = "not_there_any_more";
		}
		struct_type(o, &t,
			    options->rss == RSS_ATOMIC	 ? RSS_ATOMIC_T
			    : options->rss == RSS_PERCPU ? COUNTERS4
							 : INT8);
	}
	enums(o);
	for (unsigned i = 0; i < STRINGS; i++) {
		snprintf(name, sizeof(name), "filler_%u", i);
		if (o->types.len < 70000)
			type(o, name, KIND_FWD, 0, 0);
		else
			string(o, name);
	}
}

static size_t build_btf(struct image *image, const struct image_options *options)
{
	struct btf_out o = {{malloc(1 << 20), 0}, {malloc(1 << 20), 0}};
	struct blob out = {image->ram + IMAGE_TEXT + IMAGE_BTF, 0};
	uint32_t header_len = options->wide_header ? 32 : 24, layout_len;

	all_types(&o, options);
	layout_len = options->wide_header ? 4 * (KIND_FUTURE + 1) : 0;
	put_u32(&out, 0x0001eb9f);
	put_u32(&out, header_len);
	put_u32(&out, 0);
	put_u32(&out, o.types.len);
	put_u32(&out, o.types.len + layout_len);
	put_u32(&out, o.strs.len);
	if (options->wide_header) {
		put_u32(&out, o.types.len);
		put_u32(&out, layout_len);
	}
	put(&out, o.types.p, o.types.len);
	for (unsigned kind = 0; options->wide_header && kind <= KIND_FUTURE; kind++)
		put_u32(&out, kind == KIND_FUTURE ? 4 | 8 << 8 : 0);
	put(&out, o.strs.p, o.strs.len);
	free(o.types.p);
	free(o.strs.p);
	return out.len;
}

/* --- The symbol table ------------------------------------------------------------------------ */
#define SYMBOL_AT(id) (IMAGE_VARS + 0x100ull * (id))

uint64_t image_symbol(enum kernel_symbol symbol)
{
	switch (symbol) {
	case SYM_TEXT:
		return IMAGE_TEXT;
	case SYM_END:
		return IMAGE_TEXT + IMAGE_END;
	case SYM_BANNER:
		return IMAGE_TEXT + IMAGE_BANNER;
	case SYM_INIT_TASK:
		return IMAGE_TEXT + IMAGE_INIT_TASK;
	case SYM_TOP_PGT:
		return IMAGE_TEXT + IMAGE_TABLES;
	case SYM_START_BTF:
		return IMAGE_TEXT + IMAGE_BTF;
	default:
		return IMAGE_TEXT + SYMBOL_AT(symbol);
	}
}

static bool is_percpu(unsigned symbol)
{
	return symbol == SYM_CPUSTAT || symbol == SYM_TICK_SCHED || symbol == SYM_RUNQUEUES ||
	       symbol == SYM_EVENTS;
}

static const char *const names[SYM_MAX] = {
#define S(id, name) [SYM_##id] = name,
	KERNEL_SYMBOLS(S)
#undef S
};

struct symbol {
	const char *name; /* NULL: a filler */
	uint64_t value; /* address; distance from the text for the place layout */
};

static int by_value(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->value < y->value ? -1 : x->value > y->value;
}

static struct symbol *list_symbols(const struct image *image, enum kallsyms_layout layout)
{
	struct symbol *s = calloc(IMAGE_SYMBOLS, sizeof(*s));
	unsigned n = 0;

	for (unsigned i = 0; i < SYM_MAX; i++) {
		if (i == SYM_TK_DATA)
			continue;
		s[n].name = names[i];
		s[n].value = image->text_va + image_symbol(i) - IMAGE_TEXT;
		if (i == SYM_STOP_BTF)
			s[n].value = image->text_va + IMAGE_BTF + image->btf_len;
		if (is_percpu(i) && layout != KALLSYMS_PLACE)
			s[n].value = PERCPU_AT + 0x100ull * i;
		n++;
	}
	for (; n < IMAGE_SYMBOLS; n++)
		s[n].value = image->text_va + 0x40000 + n * 16;
	qsort(s, IMAGE_SYMBOLS, sizeof(*s), by_value);
	return s;
}

static void put_names(struct blob *b, const struct symbol *s, uint32_t *markers)
{
	size_t start = b->len;
	char name[64];

	for (unsigned i = 0; i < IMAGE_SYMBOLS; i++) {
		int len = s[i].name ? snprintf(name, sizeof(name), "D%s", s[i].name)
				    : snprintf(name, sizeof(name), "tfiller_%u", i);

		if (i % 256 == 0)
			markers[i / 256] = b->len - start;
		b->p[b->len++] = len;
		put(b, name, len);
	}
}

static size_t put_tokens(struct blob *b)
{
	uint16_t index[256];
	size_t start = b->len;

	for (unsigned i = 0; i < 256; i++) {
		char token[8];

		index[i] = b->len - start;
		if (i > ' ' && i < 0x7f)
			snprintf(token, sizeof(token), "%c", (char)i);
		else
			snprintf(token, sizeof(token), "t%02x", i);
		put(b, token, strlen(token) + 1);
	}
	pad_to(b, 8);
	put(b, index, sizeof(index));
	return start;
}

static void put_offsets(const struct image *image, struct blob *b, const struct symbol *s,
			enum kallsyms_layout layout)
{
	uint64_t base = image->text_va;

	for (unsigned i = 0; i < IMAGE_SYMBOLS; i++) {
		uint64_t place = image->text_va + IMAGE_KALLSYMS + b->len;

		if (layout == KALLSYMS_PLACE)
			put_u32(b, (uint32_t)(s[i].value - place));
		else if (s[i].value < base)
			put_u32(b, (uint32_t)s[i].value);
		else
			put_u32(b, (uint32_t)(base - 1 - s[i].value));
	}
	pad_to(b, 8);
	if (layout != KALLSYMS_PLACE)
		put(b, &base, 8);
}

static void build_kallsyms(struct image *image, enum kallsyms_layout layout)
{
	struct blob b = {image->ram + IMAGE_TEXT + IMAGE_KALLSYMS, 0};
	struct symbol *s = list_symbols(image, layout);
	uint32_t markers[(IMAGE_SYMBOLS + 255) / 256];

	if (layout == KALLSYMS_BASE_FIRST)
		put_offsets(image, &b, s, layout);
	put_u32(&b, IMAGE_SYMBOLS);
	pad_to(&b, 8);
	put_names(&b, s, markers);
	pad_to(&b, 8);
	put(&b, markers, sizeof(markers));
	pad_to(&b, 8);
	put_tokens(&b);
	if (layout != KALLSYMS_BASE_FIRST)
		put_offsets(image, &b, s, layout);
	free(s);
}

/* --- Page tables ----------------------------------------------------------------------------- */
static void build_tables(struct image *image, unsigned levels)
{
	uint64_t page = IMAGE_TEXT + IMAGE_TABLES, next = page + GUEST_PAGE, top = page;
	uint64_t pud_linear, pud_text, pmd_text, va = image->text_va;

	if (levels == 5) {
		uint64_t p4d_linear = next, p4d_text = next + GUEST_PAGE;

		image_put64(image, top + (image->linear_va >> 48 & 511) * 8, p4d_linear | 3);
		image_put64(image, top + 511 * 8, p4d_text | 3);
		next += 2 * GUEST_PAGE;
		pud_linear = next;
		pud_text = next + GUEST_PAGE;
		image_put64(image, p4d_linear + (image->linear_va >> 39 & 511) * 8, pud_linear | 3);
		image_put64(image, p4d_text + 511 * 8, pud_text | 3);
	} else {
		pud_linear = next;
		pud_text = next + GUEST_PAGE;
		image_put64(image, top + (image->linear_va >> 39 & 511) * 8, pud_linear | 3);
		image_put64(image, top + 511 * 8, pud_text | 3);
	}
	pmd_text = pud_text + GUEST_PAGE;
	/* The direct map by one page of 1 GiB, the image by pages of 2 MiB. */
	image_put64(image, pud_linear + (image->linear_va >> 30 & 511) * 8, 0 | 0x83);
	image_put64(image, pud_text + (va >> 30 & 511) * 8, pmd_text | 3);
	for (uint64_t off = 0; off < IMAGE_END; off += 2 << 20)
		image_put64(image, pmd_text + ((va + off) >> 21 & 511) * 8,
			    (IMAGE_TEXT + off) | 0x83);
}

/* --- Variables and tasks --------------------------------------------------------------------- */
uint64_t image_task(unsigned i)
{
	return IMAGE_TASKS + i * GUEST_PAGE;
}

uint64_t image_signal(unsigned i)
{
	return IMAGE_OBJECTS + i * GUEST_PAGE;
}

uint64_t image_mm(unsigned i)
{
	return image_signal(i) + 0x400;
}

uint64_t image_files(unsigned i)
{
	return image_signal(i) + 0x800;
}

static uint64_t image_cred(unsigned i)
{
	return image_signal(i) + 0xc00;
}

static uint64_t va_of(const struct image *image, uint64_t gpa)
{
	return image->linear_va + gpa;
}

/* At the same place whether the kernel counts per-CPU addresses from 0 or not. */
static uint64_t percpu_of(unsigned cpu, unsigned symbol)
{
	return IMAGE_PERCPU + cpu * PERCPU_STEP + 0x100ull * symbol;
}

static void build_cpus(struct image *image, enum kallsyms_layout layout)
{
	for (unsigned cpu = 0; cpu < IMAGE_CPUS; cpu++) {
		uint64_t base = layout == KALLSYMS_PLACE ? image->text_va + IMAGE_VARS : PERCPU_AT;

		image_put64(image, image_symbol(SYM_PERCPU_OFFSET) + 8 * cpu,
			    va_of(image, IMAGE_PERCPU + cpu * PERCPU_STEP) - base);
		for (unsigned i = 0; i < 8; i++) {
			image_put64(image, percpu_of(cpu, SYM_CPUSTAT) + 8 * i,
				    1000 * (i + 1) + cpu);
			image_put64(image, percpu_of(cpu, SYM_EVENTS) + 8 * i, 100 * i + cpu);
		}
		image_put64(image, percpu_of(cpu, SYM_TICK_SCHED) + 64, 77000);
		image_put64(image, percpu_of(cpu, SYM_TICK_SCHED) + 72, 88000);
		image_put64(image, percpu_of(cpu, SYM_RUNQUEUES) + 128 + 8, 5000 + cpu);
	}
	image_put32(image, image_symbol(SYM_NR_CPU_IDS), IMAGE_CPUS);
	image_put64(image, image_symbol(SYM_ONLINE_MASK), 3);
	image_put64(image, image_symbol(SYM_TICK_ACTIVE), 1);
}

static void build_vars(struct image *image)
{
	uint8_t *uts = image->ram + image_symbol(SYM_UTS_NS);
	uint64_t tk = image_symbol(SYM_TK_CORE) + 8;

	memcpy(image->ram + image_symbol(SYM_BANNER), "Linux version 99.1 (made up)", 29);
	image_put64(image, image_symbol(SYM_PHYS_BASE),
		    IMAGE_TEXT - (image->text_va - KERNEL_MAP_BASE));
	image_put64(image, image_symbol(SYM_PAGE_OFFSET), image->linear_va);
	image_put64(image, image_symbol(SYM_MAX_PFN), IMAGE_RAM / GUEST_PAGE);
	image_put64(image, image_symbol(SYM_TOTALRAM), 16000);
	image_put64(image, image_symbol(SYM_ZONE_STAT), 9000);
	for (unsigned i = 1; i < 7; i++)
		image_put64(image, image_symbol(SYM_NODE_STAT) + 8 * i, 100 * i);
	image_put64(image, image_symbol(SYM_TOTALRESERVE), 50);
	image_put64(image, image_symbol(SYM_TOTAL_SWAP), 400);
	image_put64(image, image_symbol(SYM_FREE_SWAP), 300);
	image_put32(image, image_symbol(SYM_NR_NODES), 1);
	image_put64(image, image_symbol(SYM_NODE_DATA), va_of(image, IMAGE_PERCPU + 0x80000));
	image_put64(image, IMAGE_PERCPU + 0x80000 + 8, 20);
	image_put64(image, IMAGE_PERCPU + 0x80000 + 256 + 8, 30);
	image_put64(image, image_symbol(SYM_AVENRUN), 3 << 11);
	memcpy(uts + 65, "made-up", 8);
	memcpy(uts + 130, "99.1", 5);
	image_put32(image, tk + 28, 8);
	image_put64(image, tk + 32, 256 * 5);
	image_put64(image, tk + 40, 1000000);
	image_put64(image, tk + 80, 7000);
}

static void build_rss(struct image *image, unsigned i, enum layout_rss rss)
{
	for (unsigned k = 0; k < 4; k++) {
		uint64_t counter = image_mm(i) + 0x100 + 40 * k;

		if (rss == RSS_ATOMIC) {
			image_put64(image, image_mm(i) + 0x100 + 8 * k, 10 * (k + 1));
			image_put32(image, image_task(i) + 0x1c0 + 4 + 4 * k, 1);
			continue;
		}
		image_put64(image, counter + 8, 10 * (k + 1));
		/* Counters of CPU 0 and 1 of this mm: 3 and -1. */
		image_put64(image, counter + 32,
			    va_of(image, IMAGE_PERCPU + 0x8000 + 16 * i + 4 * k) -
				    image_get64(image, image_symbol(SYM_PERCPU_OFFSET)));
		image_put32(image, IMAGE_PERCPU + 0x8000 + 16 * i + 4 * k, 3);
		image_put32(image, IMAGE_PERCPU + PERCPU_STEP + 0x8000 + 16 * i + 4 * k,
			    (uint32_t)-1);
	}
}

static void build_files(struct image *image, unsigned i)
{
	uint64_t files = image_files(i);

	image_put64(image, files + 0x20, va_of(image, files + 0x28));
	image_put32(image, files + 0x28, 64);
	image_put64(image, files + 0x28 + 24, va_of(image, files + 0x80));
	image_put64(image, files + 0x80, 0x8007);
}

static void link_list(struct image *image, uint64_t a, uint64_t a_va, uint64_t b, uint64_t b_va)
{
	image_put64(image, a, b_va);
	image_put64(image, b + 8, a_va);
}

static void build_task(struct image *image, unsigned i, enum layout_rss rss)
{
	uint64_t t = image_task(i), s = image_signal(i);

	image_put32(image, t + T_PID, i + 1);
	image_put32(image, t + T_TGID, i + 1);
	image_put32(image, t + 0x18, 1);
	image_put64(image, t + T_SIGNAL, va_of(image, s));
	image_put64(image, t + T_MM, va_of(image, image_mm(i)));
	image_put64(image, t + 0x78, va_of(image, image_files(i)));
	image_put64(image, t + 0x80, va_of(image, image_cred(i)));
	image_put32(image, image_cred(i) + 8, 1000 + i);
	snprintf((char *)image->ram + t + T_COMM, 16, "task-%u", i + 1);
	image_put64(image, t + 0xb0,
		    i ? va_of(image, image_task(0)) : image->text_va + IMAGE_INIT_TASK);
	image_put64(image, t + 0xc0, 3000);
	image_put64(image, t + 0xc8, 1000);
	image_put64(image, t + 0x108, 1000000ull * (i + 1));
	image_put64(image, t + 0x148, 500);
	image_put64(image, t + 0x160, 1000 * i);
	for (unsigned k = 0; k < 6; k++)
		image_put64(image, t + 0x188 + 8 * k, 7 * (k + 1));
	image_put32(image, s + S_THREADS, 1);
	link_list(image, s + S_HEAD, va_of(image, s + S_HEAD), t + T_NODE,
		  va_of(image, t + T_NODE));
	link_list(image, t + T_NODE, va_of(image, t + T_NODE), s + S_HEAD,
		  va_of(image, s + S_HEAD));
	build_rss(image, i, rss);
	build_files(image, i);
}

static void build_tasks(struct image *image, const struct image_options *options)
{
	uint64_t init = IMAGE_TEXT + IMAGE_INIT_TASK, before = init + T_TASKS;
	uint64_t before_va = image->text_va + IMAGE_INIT_TASK + T_TASKS, first_va = before_va;

	memcpy(image->ram + init + T_COMM, "swapper/0", 10);
	for (unsigned i = 0; i < options->tasks; i++) {
		uint64_t node = image_task(i) + T_TASKS;

		build_task(image, i, options->rss);
		link_list(image, before, before_va, node, va_of(image, node));
		before = node;
		before_va = va_of(image, node);
	}
	link_list(image, before, before_va, init + T_TASKS, first_va);
}

/* --- The whole ------------------------------------------------------------------------------- */
void image_put64(struct image *image, uint64_t gpa, uint64_t value)
{
	memcpy(image->ram + gpa, &value, 8);
}

void image_put32(struct image *image, uint64_t gpa, uint32_t value)
{
	memcpy(image->ram + gpa, &value, 4);
}

uint64_t image_get64(const struct image *image, uint64_t gpa)
{
	uint64_t value;

	memcpy(&value, image->ram + gpa, 8);
	return value;
}

/* No check of its own: a read outside the RAM is to hit a guard page and end the test. */
static int image_read(void *arg, uint64_t hva, void *buf, size_t len)
{
	struct image *image = arg;

	image->reads++;
	if (image->on_read)
		image->on_read(image, hva - (uintptr_t)image->ram, len);
	memcpy(buf, (const void *)(uintptr_t)hva, len);
	return 0;
}

static int image_present(void *arg, uint64_t hva, uint64_t ret_bits[GUEST_CHUNK_PAGES / 64])
{
	struct image *image = arg;

	memset(ret_bits, 0, GUEST_CHUNK_PAGES / 8);
	for (unsigned i = 0; i < GUEST_CHUNK_PAGES; i++) {
		uint64_t at = hva + i * GUEST_PAGE - (uintptr_t)image->ram;

		if (at < IMAGE_RAM && !image->absent[at / GUEST_PAGE])
			ret_bits[i / 64] |= 1ull << (i % 64);
	}
	return 0;
}

const struct guest_io_ops image_io = {.read = image_read, .present = image_present};

void image_build(struct image *image, const struct image_options *options)
{
	*image = (struct image){.whole_len = IMAGE_RAM + 2 * GUARD};
	image->whole = mmap(NULL, image->whole_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	image->ram = (uint8_t *)image->whole + GUARD;
	if (image->whole == MAP_FAILED || mprotect(image->ram, IMAGE_RAM, PROT_READ | PROT_WRITE))
		abort();
	image->absent = calloc(IMAGE_RAM / GUEST_PAGE, 1);
	image->text_va = KERNEL_MAP_BASE + 0x23000000;
	image->linear_va = options->levels == 5 ? LEVEL5 : LEVEL4;
	image->btf_len = build_btf(image, options);
	build_kallsyms(image, options->layout);
	build_tables(image, options->levels);
	build_vars(image);
	build_cpus(image, options->layout);
	build_tasks(image, options);
	guest_ram_split(&image->map, (uintptr_t)image->ram, IMAGE_RAM, 0);
}

void image_free(struct image *image)
{
	munmap(image->whole, image->whole_len);
	free(image->absent);
}
