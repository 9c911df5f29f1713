// SPDX-License-Identifier: Apache-2.0
/*
 * A guest that wants its reader to leave the guest's RAM, to hang or to fall. The RAM lies between
 * guard pages and is read without a check of the test's own: one byte outside ends the program.
 * Each case ends by itself, or the test runner's timeout ends it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "guest/system.h"
#include "guest/walk.h"
#include "unit/guest_image.h"
#include "unit/suite.h"

static struct guest_mem mem;
static struct guest_kernel kernel;
static struct guest_walk walk;
static struct guest_walk_stats stats;
static const struct image_options plain = {
	.levels = 4, .layout = KALLSYMS_BASE_LAST, .rss = RSS_PERCPU, .tasks = 40};

/* What a worker gives a look. */
static const struct guest_budget budget = {64 << 20, 100000, UINT64_MAX};

static void build(struct image *image)
{
	image_build(image, &plain);
	guest_mem_init(&mem, &image->map, &image_io, image);
	CU_ASSERT_EQUAL_FATAL(guest_kernel_attach(&kernel, &mem, true, 0, NULL), GUEST_OK);
}

static int look(void)
{
	struct guest_cpu cpus[GUEST_CPUS_MAX];
	struct guest_system system;
	uint32_t n;
	int r;

	stats = (struct guest_walk_stats){0};
	guest_mem_begin(&mem, &budget);
	guest_kernel_check(&kernel);
	r = guest_walk(&kernel, &walk, &stats);
	guest_system_read(&kernel, &system, cpus, &n);
	CU_ASSERT_TRUE(n <= GUEST_CPUS_MAX);
	CU_ASSERT_TRUE(walk.n <= GUEST_TASKS_MAX);
	return r;
}

/* Addresses that a guest would try. */
static unsigned bad_addresses(const struct image *image, uint64_t *out)
{
	const uint64_t linear = image->linear_va;
	const uint64_t list[] = {
		0,
		8,
		0x7fffffffe000,
		UINT64_MAX,
		UINT64_MAX - 7,
		(uintptr_t)image->ram,
		linear - 8,
		linear + IMAGE_RAM,
		linear + IMAGE_RAM - 8,
		linear + IMAGE_RAM - 0x80,
		linear + (4ull << 30),
		linear + (1ull << 45),
		image->text_va - 8,
		image->text_va + IMAGE_END - 8,
		image->text_va + IMAGE_END,
		linear + image_task(1) + 3,
		linear + image_task(7),
	};

	memcpy(out, list, sizeof(list));
	return sizeof(list) / sizeof(list[0]);
}

static void test_bad_pointers(void)
{
	static const struct {
		uint64_t (*object)(unsigned i);
		unsigned offset;
	} pointers[] = {
		{image_task, T_TASKS},	{image_task, T_TASKS + 8}, {image_task, T_SIGNAL},
		{image_task, T_MM},	{image_task, 0x78},	   {image_task, 0x80},
		{image_task, 0xb0},	{image_task, T_NODE},	   {image_signal, S_HEAD},
		{image_mm, 0x100 + 32}, {image_files, 0x20},	   {image_files, 0x28 + 24},
	};
	uint64_t bad[32];
	struct image image;
	unsigned n;

	build(&image);
	n = bad_addresses(&image, bad);
	for (unsigned p = 0; p < sizeof(pointers) / sizeof(pointers[0]); p++) {
		uint64_t at = pointers[p].object(3) + pointers[p].offset;
		uint64_t good = image_get64(&image, at);

		for (unsigned i = 0; i < n; i++) {
			image_put64(&image, at, bad[i]);
			look();
			/* With a second thread the list of threads is followed, too. */
			image_put32(&image, image_signal(3) + S_THREADS, 30000);
			look();
			image_put32(&image, image_signal(3) + S_THREADS, 1);
		}
		image_put64(&image, at, good);
	}
	CU_ASSERT_EQUAL(look(), 0);
	CU_ASSERT_EQUAL(walk.n, 40);
	image_free(&image);
}

static void test_loops(void)
{
	struct image image;
	uint64_t va;

	build(&image);
	va = image.linear_va;
	/* To itself, back to an earlier one, and between two that point at each other. */
	image_put64(&image, image_task(5) + T_TASKS, va + image_task(5) + T_TASKS);
	CU_ASSERT_EQUAL(look(), -EAGAIN);
	image_put64(&image, image_task(5) + T_TASKS, va + image_task(2) + T_TASKS);
	CU_ASSERT_EQUAL(look(), -EAGAIN);
	image_put64(&image, image_task(2) + T_TASKS + 8, va + image_task(5) + T_TASKS);
	CU_ASSERT_EQUAL(look(), -EAGAIN);
	image_free(&image);
}

/* A list that is well formed but for its length: the walk ends by its own bounds. */
static void test_endless_list(void)
{
	uint64_t before, first, va;
	unsigned i, n = 3000;
	struct image image;

	build(&image);
	va = image.linear_va;
	first = image_task(39);
	before = first;
	/* Each task has a page; between the tasks and the per-CPU area there is room for 3000. */
	for (i = 0; i < n; i++) {
		uint64_t at = image_task(40) + i * 0x800;

		memcpy(image.ram + at, image.ram + first, 0x400);
		image_put32(&image, at + T_PID, 1000 + i);
		image_put32(&image, at + T_TGID, 1000 + i);
		image_put64(&image, before + T_TASKS, va + at + T_TASKS);
		image_put64(&image, at + T_TASKS + 8, va + before + T_TASKS);
		before = at;
	}
	look();
	CU_ASSERT_TRUE(mem.stats.calls <= 100000);
	image_free(&image);
}

static void test_huge_numbers(void)
{
	static const enum kernel_symbol symbols[] = {SYM_NR_CPU_IDS,	SYM_NR_NODES,  SYM_MAX_PFN,
						     SYM_PAGE_OFFSET,	SYM_PHYS_BASE, SYM_SME_MASK,
						     SYM_PERCPU_OFFSET, SYM_NODE_DATA};
	static const uint64_t numbers[] = {
		0, 1, 512, 513, 0x7fffffff, 0xffffffff, 1ull << 40, UINT64_MAX, 0x8000000000000000};
	struct image image;

	build(&image);
	for (unsigned s = 0; s < sizeof(symbols) / sizeof(symbols[0]); s++) {
		for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			uint64_t good = image_get64(&image, image_symbol(symbols[s]));

			image_put64(&image, image_symbol(symbols[s]), numbers[i]);
			guest_mem_init(&mem, &image.map, &image_io, &image);
			if (guest_kernel_attach(&kernel, &mem, true, 0, NULL) == GUEST_OK)
				look();
			image_put64(&image, image_symbol(symbols[s]), good);
		}
	}
	image_put32(&image, image_files(4) + 0x28, 1 << 20);
	image_put64(&image, image_files(4) + 0x28 + 24, image.linear_va + IMAGE_RAM - 4096);
	guest_mem_init(&mem, &image.map, &image_io, &image);
	CU_ASSERT_EQUAL_FATAL(guest_kernel_attach(&kernel, &mem, true, 0, NULL), GUEST_OK);
	CU_ASSERT_EQUAL(look(), 0);
	CU_ASSERT_EQUAL(walk.tasks[4].open_files, GUEST_ABSENT);
	image_free(&image);
}

/* Tables that point at themselves, out of RAM, or at everything. */
static void test_page_tables(void)
{
	uint64_t table = IMAGE_TEXT + IMAGE_TABLES, gpa, run;
	const uint64_t entries[] = {
		table | 3,	 table | 0x83,		 ~0ull, 0x000ffffffffff003ull,
		(IMAGE_RAM | 3), (IMAGE_RAM - 4096) | 3, 0x83};
	struct image image;

	build(&image);
	for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		for (unsigned e = 0; e < 3 * 512; e++)
			image_put64(&image, table + 8 * e, entries[i]);
		guest_space_flush(&kernel.space);
		for (uint64_t va = 0xffff000000000000ull; va; va += 0x123456789000ull) {
			uint8_t byte;

			guest_space_walk(&kernel.space, va, &gpa, &run);
			guest_space_read(&kernel.space, va, &byte, 1);
			if (va > UINT64_MAX - 0x123456789000ull)
				break;
		}
		look();
	}
	CU_ASSERT_FALSE(guest_kernel_check(&kernel));
	image_free(&image);
}

struct change {
	uint64_t seed;
	unsigned one_in;
};

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static uint64_t hostile_word(struct image *image, uint64_t *seed)
{
	uint64_t bad[32], r = next_random(seed);
	unsigned n = bad_addresses(image, bad);

	switch (r % 4) {
	case 0:
		return bad[r / 4 % n];
	case 1:
		return image->linear_va + r / 4 % IMAGE_RAM;
	case 2:
		return r / 4 % 70000;
	default:
		return r;
	}
}

/* Before a read, now and then, change a word of what is about to be read. */
static void change_before_read(struct image *image, uint64_t gpa, size_t len)
{
	struct change *change = image->arg;

	if (next_random(&change->seed) % change->one_in || len < 8 || len > 1 << 20)
		return;
	image_put64(image, gpa + next_random(&change->seed) % (len - 7),
		    hostile_word(image, &change->seed));
}

/* Memory that changes under the walk, ever again from the same sound start. */
static void test_changing_memory(void)
{
	static const unsigned rates[] = {200, 20, 3};
	struct change change = {.seed = 88172645463325252ull};
	uint8_t *sound = malloc(16 << 20);
	struct image image;

	build(&image);
	memcpy(sound, image.ram + IMAGE_TASKS, 16 << 20);
	image.arg = &change;
	for (unsigned i = 0; i < 600; i++) {
		change.one_in = rates[i % 3];
		image.on_read = change_before_read;
		look();
		image.on_read = NULL;
		memcpy(image.ram + IMAGE_TASKS, sound, 16 << 20);
	}
	free(sound);
	image_free(&image);
}

/* Everything that attach looks at, with random bytes in it. */
static void test_changed_tables(void)
{
	struct change change = {.seed = 2463534242ull};
	uint8_t *sound = malloc(IMAGE_END);
	struct image image;
	unsigned attached = 0;

	build(&image);
	memcpy(sound, image.ram + IMAGE_TEXT, IMAGE_END);
	for (unsigned i = 0; i < 150; i++) {
		unsigned spots = 1u << i % 8;

		for (unsigned k = 0; k < spots; k++)
			image_put64(&image,
				    IMAGE_TEXT + next_random(&change.seed) % (IMAGE_END - 8),
				    hostile_word(&image, &change.seed));
		guest_mem_init(&mem, &image.map, &image_io, &image);
		if (guest_kernel_attach(&kernel, &mem, true, 0, NULL) == GUEST_OK) {
			attached++;
			look();
		}
		memcpy(image.ram + IMAGE_TEXT, sound, IMAGE_END);
	}
	CU_ASSERT_TRUE(attached > 0);
	free(sound);
	image_free(&image);
}

/* The map is the last word: every edge of it, and every overflow. */
static void test_map_edges(void)
{
	struct guest_ram ram = {0};
	uint8_t buf[64];
	struct image image;
	uint64_t hva, run;

	build(&image);
	CU_ASSERT_EQUAL(guest_mem_read(&mem, IMAGE_RAM - 64, buf, 64), 0);
	CU_ASSERT_EQUAL(guest_mem_read(&mem, IMAGE_RAM - 63, buf, 64), -EFAULT);
	CU_ASSERT_EQUAL(guest_mem_read(&mem, IMAGE_RAM, buf, 1), -EFAULT);
	CU_ASSERT_EQUAL(guest_mem_read(&mem, UINT64_MAX, buf, 1), -EFAULT);
	CU_ASSERT_EQUAL(guest_mem_read(&mem, UINT64_MAX - 10, buf, 64), -EFAULT);
	CU_ASSERT_EQUAL(guest_mem_read_sparse(&mem, IMAGE_RAM - 8, buf, 64), 0);
	CU_ASSERT_EQUAL(guest_ram_add(&ram, 0x1000, 0x1000, 0x1000), 0);
	CU_ASSERT_EQUAL(guest_ram_add(&ram, 0x1000, 0x1000, 0x5000), -EINVAL);
	CU_ASSERT_EQUAL(guest_ram_add(&ram, 0, 0x2000, 0x5000), -EINVAL);
	CU_ASSERT_EQUAL(guest_ram_add(&ram, 0x800, 0x1000, 0x5000), -EINVAL);
	CU_ASSERT_EQUAL(guest_ram_add(&ram, 0x3000, 0, 0x5000), -EINVAL);
	CU_ASSERT_EQUAL(guest_ram_add(&ram, -0x1000ull, 0x1000, 0x5000), -EINVAL);
	CU_ASSERT_EQUAL(guest_ram_add(&ram, 0x4000, 0x2000, -0x1000ull), -EINVAL);
	CU_ASSERT_EQUAL(guest_ram_add(&ram, 0, 0x1000, 0x9000), 0);
	CU_ASSERT_TRUE(guest_ram_find(&ram, 0xfff, &hva, &run));
	CU_ASSERT_EQUAL(hva, 0x9fff);
	CU_ASSERT_EQUAL(run, 1);
	CU_ASSERT_FALSE(guest_ram_find(&ram, 0x2000, &hva, &run));
	ram.n = GUEST_RAM_SEGMENTS + 1;
	CU_ASSERT_EQUAL(guest_ram_check(&ram, &ram), -EINVAL);
	image_free(&image);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"bad pointers", test_bad_pointers},
		{"loops", test_loops},
		{"endless list", test_endless_list},
		{"huge numbers", test_huge_numbers},
		{"page tables", test_page_tables},
		{"changing memory", test_changing_memory},
		{"changed tables", test_changed_tables},
		{"map edges", test_map_edges},
		CU_TEST_INFO_NULL,
	};

	return suite_run("hostile guest", tests);
}
