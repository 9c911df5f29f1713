// SPDX-License-Identifier: Apache-2.0
/* From made-up RAM to processes and totals: every layout, every value as it was put there. */
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
	.levels = 4, .layout = KALLSYMS_BASE_LAST, .rss = RSS_PERCPU, .tasks = 5};

static enum guest_status attach(struct image *image, bool guessed)
{
	guest_mem_init(&mem, &image->map, &image_io, image);
	return guest_kernel_attach(&kernel, &mem, guessed, 0, NULL);
}

static int walk_once(void)
{
	static const struct guest_budget budget = {UINT64_MAX, UINT64_MAX, UINT64_MAX};

	stats = (struct guest_walk_stats){0};
	guest_mem_begin(&mem, &budget);
	return guest_walk(&kernel, &walk, &stats);
}

static void check_values(enum layout_rss rss)
{
	const struct guest_task *t = &walk.tasks[2];

	CU_ASSERT_EQUAL(t->pid, 3);
	CU_ASSERT_EQUAL(t->ppid, 1);
	CU_ASSERT_EQUAL(walk.tasks[0].ppid, 0);
	CU_ASSERT_EQUAL(t->uid, 1002);
	CU_ASSERT_EQUAL(t->threads, 1);
	CU_ASSERT_EQUAL(t->start_ns, 2000);
	CU_ASSERT_EQUAL(t->cpu_ns, 3000000);
	CU_ASSERT_EQUAL(t->system_ns, 750000);
	CU_ASSERT_EQUAL(t->user_ns, 2250000);
	CU_ASSERT_EQUAL(t->run_delay_ns, 500);
	CU_ASSERT_EQUAL(t->read_chars, 7);
	CU_ASSERT_EQUAL(t->write_calls, 28);
	CU_ASSERT_EQUAL(t->write_bytes, 42);
	CU_ASSERT_EQUAL(t->open_files, 4);
	CU_ASSERT_EQUAL(t->state, 'S');
	CU_ASSERT_STRING_EQUAL(t->comm, "task-3");
	/* Of four counters 10, 20, 30 (swap), 40: plus one a counter by thread, or 3 - 1 by CPU. */
	CU_ASSERT_EQUAL(t->rss, (rss == RSS_ATOMIC ? 73
				 : rss == RSS_PERCPU
					 ? 76
					 : 0) * GUEST_PAGE -
					(rss == RSS_UNKNOWN));
	CU_ASSERT_EQUAL(t->swap, (rss == RSS_ATOMIC ? 31
				  : rss == RSS_PERCPU
					  ? 32
					  : 0) * GUEST_PAGE -
					 (rss == RSS_UNKNOWN));
}

static void test_every_layout(void)
{
	static const enum kallsyms_layout layouts[] = {KALLSYMS_BASE_FIRST, KALLSYMS_BASE_LAST,
						       KALLSYMS_PLACE};

	for (unsigned i = 0; i < 3 * 2 * 3 * 2; i++) {
		struct image_options o = {
			.layout = layouts[i % 3],
			.levels = 4 + i / 3 % 2,
			.rss = i / 6 % 3,
			.wide_header = i / 18,
			.tasks = 5,
		};
		struct image image;
		enum guest_status status;

		image_build(&image, &o);
		status = attach(&image, true);
		CU_ASSERT_EQUAL(status, GUEST_OK);
		if (status == GUEST_OK) {
			CU_ASSERT_EQUAL(kernel.space.levels, o.levels);
			CU_ASSERT_EQUAL(kernel.cpus, IMAGE_CPUS);
			CU_ASSERT_TRUE(guest_kernel_check(&kernel));
			CU_ASSERT_EQUAL(walk_once(), 0);
			CU_ASSERT_EQUAL(walk.n, 5);
			check_values(o.rss);
		}
		image_free(&image);
	}
}

static void test_system(void)
{
	struct guest_cpu cpus[GUEST_CPUS_MAX];
	struct guest_system s;
	struct image image;
	uint32_t n;

	image_build(&image, &plain);
	CU_ASSERT_EQUAL_FATAL(attach(&image, false), GUEST_OK);
	guest_system_read(&kernel, &s, cpus, &n);
	CU_ASSERT_EQUAL(s.mem_total, 16000 * GUEST_PAGE);
	CU_ASSERT_EQUAL(s.mem_free, 9000 * GUEST_PAGE);
	/* Free 9000, file 100 + 200, reclaimable 500 + 600; low mark 50, reserve 50. */
	CU_ASSERT_EQUAL(s.mem_available, (9000 + 300 - 50 + 1100 - 50 - 50) * GUEST_PAGE);
	CU_ASSERT_EQUAL(s.mem_cached, 300 * GUEST_PAGE);
	CU_ASSERT_EQUAL(s.mem_shared, 400 * GUEST_PAGE);
	CU_ASSERT_EQUAL(s.swap_total, 400 * GUEST_PAGE);
	CU_ASSERT_EQUAL(s.swap_free, 300 * GUEST_PAGE);
	CU_ASSERT_EQUAL(s.faults, 201);
	CU_ASSERT_EQUAL(s.major_faults, 401);
	CU_ASSERT_EQUAL(s.swap_out_pages, 801);
	CU_ASSERT_EQUAL(s.load[0], 3000);
	CU_ASSERT_EQUAL(s.uptime_ns, 1000000 + 5 + 7000);
	CU_ASSERT_STRING_EQUAL(s.hostname, "made-up");
	CU_ASSERT_STRING_EQUAL(s.release, "99.1");
	CU_ASSERT_EQUAL(n, 2);
	CU_ASSERT_EQUAL(cpus[1].user_ns, 1001);
	CU_ASSERT_EQUAL(cpus[1].steal_ns, 8001);
	CU_ASSERT_EQUAL(cpus[0].idle_ns, 77000);
	CU_ASSERT_EQUAL(cpus[0].iowait_ns, 88000);
	CU_ASSERT_EQUAL(s.total.run_delay_ns, 10001);
	/* A kernel whose tick never stops counts idle with the rest. */
	image_put64(&image, image_symbol(SYM_TICK_ACTIVE), 0);
	guest_mem_begin(&mem, &(struct guest_budget){UINT64_MAX, UINT64_MAX, UINT64_MAX});
	guest_system_read(&kernel, &s, cpus, &n);
	CU_ASSERT_EQUAL(cpus[0].idle_ns, 6000);
	CU_ASSERT_EQUAL(cpus[0].iowait_ns, 7000);
	image_free(&image);
}

/* A second thread of process 3: everything is summed up, the dead ones' share is in the signal. */
static void test_threads(void)
{
	struct image image;
	uint64_t s = image_signal(2), t = image_task(2), other = image_task(300), va;

	image_build(&image, &plain);
	memcpy(image.ram + other, image.ram + t, GUEST_PAGE);
	va = image.linear_va;
	image_put32(&image, other + T_PID, 77);
	image_put32(&image, s + S_THREADS, 2);
	image_put64(&image, s + 0x30, 4000000);
	image_put64(&image, t + T_NODE, va + other + T_NODE);
	image_put64(&image, other + T_NODE, va + s + S_HEAD);
	CU_ASSERT_EQUAL_FATAL(attach(&image, false), GUEST_OK);
	CU_ASSERT_EQUAL(walk_once(), 0);
	CU_ASSERT_EQUAL(walk.n, 5);
	CU_ASSERT_EQUAL(walk.tasks[2].threads, 2);
	CU_ASSERT_EQUAL(walk.tasks[2].cpu_ns, 10000000);
	CU_ASSERT_EQUAL(walk.tasks[2].read_chars, 14);
	/* It says three but has two: left out, and counted. */
	image_put32(&image, s + S_THREADS, 3);
	CU_ASSERT_EQUAL(walk_once(), 0);
	CU_ASSERT_EQUAL(walk.n, 4);
	CU_ASSERT_EQUAL(stats.torn, 1);
	image_free(&image);
}

static void test_absent_pages(void)
{
	struct image image;

	image_build(&image, &plain);
	CU_ASSERT_EQUAL_FATAL(attach(&image, false), GUEST_OK);
	image.absent[image_signal(1) / GUEST_PAGE] = true;
	CU_ASSERT_EQUAL(walk_once(), 0);
	CU_ASSERT_EQUAL(walk.n, 4);
	CU_ASSERT_EQUAL(stats.unread, 1);
	CU_ASSERT_TRUE(mem.stats.absent >= 1);
	/* Without the task itself the list cannot be followed. */
	image.absent[image_task(1) / GUEST_PAGE] = true;
	CU_ASSERT_EQUAL(walk_once(), -ENXIO);
	image_free(&image);
}

static void test_no_guest(void)
{
	struct image image;

	image_build(&image, &plain);
	memset(image.ram, 0, IMAGE_RAM);
	CU_ASSERT_EQUAL(attach(&image, true), GUEST_NO_BTF);
	for (size_t i = 0; i < IMAGE_RAM / 4; i++)
		((uint32_t *)image.ram)[i] = 2654435761u * (uint32_t)i ^ (uint32_t)i >> 7;
	CU_ASSERT_EQUAL(attach(&image, true), GUEST_ENCRYPTED);
	/* Noise in half of the pages is no encryption. */
	for (size_t i = 0; i < IMAGE_RAM; i += 128 << 10)
		memset(image.ram + i, 7, 64 << 10);
	CU_ASSERT_EQUAL(attach(&image, true), GUEST_NO_BTF);
	/* Names of its drivers' imports; one of them across two pieces that are searched. */
	memcpy(image.ram + (3 << 20) - 5, "ntoskrnl.exe", 12);
	memcpy(image.ram + 12345, "ntoskrnl.exe", 12);
	CU_ASSERT_EQUAL(attach(&image, true), GUEST_NO_BTF);
	memcpy(image.ram + 54321, "ntoskrnl.exe", 12);
	CU_ASSERT_EQUAL(attach(&image, true), GUEST_WINDOWS);
	memcpy(image.ram + (5 << 20), "Linux version 4.19", 18);
	CU_ASSERT_EQUAL(attach(&image, true), GUEST_PLAIN_LINUX);
	image_free(&image);
}

#define VICTIM 2u
#define CACHE_AT 0x1c4u /* of the made-up task_struct */

static void give_pages(struct image *image, uint64_t part_at, uint64_t whole_at)
{
	uint64_t whole = image_get64(image, whole_at);
	int32_t part;

	memcpy(&part, image->ram + part_at, 4);
	image_put64(image, whole_at, whole + (uint64_t)(int64_t)part);
	image_put32(image, part_at, 0);
}

/* As a kernel does it in the middle of a look: what a thread has counted goes to the mm. Once. */
static void sync_once(struct image *image, uint64_t gpa, size_t len)
{
	uint64_t mm = image_mm(VICTIM) + 0x100;

	if (gpa > mm || gpa + len <= mm)
		return;
	for (unsigned k = 0; k < 4; k++)
		give_pages(image, image_task(VICTIM) + CACHE_AT + 4 * k, mm + 8 * k);
	image->on_read = NULL;
}

/* A process that faults all the while gives its mm something at every look. */
static void sync_always(struct image *image, uint64_t gpa, size_t len)
{
	uint64_t mm = image_mm(VICTIM) + 0x100;

	if (gpa > mm || gpa + len <= mm)
		return;
	for (unsigned k = 0; k < 4; k++) {
		give_pages(image, image_task(VICTIM) + CACHE_AT + 4 * k, mm + 8 * k);
		image_put32(image, image_task(VICTIM) + CACHE_AT + 4 * k, 1 + image->reads % 50);
	}
}

/* With counters for each CPU: the first CPU's part is folded when the second's is read. */
static void fold_once(struct image *image, uint64_t gpa, size_t len)
{
	uint64_t part = IMAGE_PERCPU + 0x8000 + 16 * VICTIM;
	uint64_t first = image_get64(image, image_symbol(SYM_PERCPU_OFFSET));
	uint64_t second = part + image_get64(image, image_symbol(SYM_PERCPU_OFFSET) + 8) - first;

	if (gpa > second || gpa + len <= second)
		return;
	for (unsigned k = 0; k < 4; k++)
		give_pages(image, part + 4 * k, image_mm(VICTIM) + 0x100 + 40 * k + 8);
	image->on_read = NULL;
}

static void check_rss(enum layout_rss rss, void (*on_read)(struct image *, uint64_t, size_t),
		      uint64_t pages, bool walked_before)
{
	struct image_options o = plain;
	struct image image;

	o.rss = rss;
	image_build(&image, &o);
	CU_ASSERT_EQUAL_FATAL(attach(&image, false), GUEST_OK);
	if (walked_before)
		CU_ASSERT_EQUAL(walk_once(), 0);
	image.on_read = on_read;
	CU_ASSERT_EQUAL(walk_once(), 0);
	CU_ASSERT_EQUAL_FATAL(walk.n, 5);
	CU_ASSERT_EQUAL(walk.tasks[VICTIM].rss,
			pages == GUEST_ABSENT ? GUEST_ABSENT : pages * GUEST_PAGE);
	CU_ASSERT_EQUAL(walk.tasks[VICTIM + 1].rss, (rss == RSS_ATOMIC ? 73 : 76) * GUEST_PAGE);
	image_free(&image);
}

/* No page is counted twice or not at all, and no other process pays for one that changes. */
static void test_torn_counts(void)
{
	check_rss(RSS_ATOMIC, NULL, 73, false);
	check_rss(RSS_ATOMIC, sync_once, 73, false);
	check_rss(RSS_ATOMIC, sync_once, 73, true);
	check_rss(RSS_ATOMIC, sync_always, GUEST_ABSENT, false);
	check_rss(RSS_PERCPU, fold_once, 76, false);
	check_rss(RSS_PERCPU, NULL, 76, true);
}

/* A half overwritten copy of the BTF lies below the real one, as after every boot. */
static void test_stale_copy(void)
{
	struct image image;

	image_build(&image, &plain);
	memcpy(image.ram + (8 << 20) + 0x1c0, image.ram + IMAGE_TEXT + IMAGE_BTF, image.btf_len);
	memset(image.ram + (8 << 20) + 0x1c0 + 5000, 0xff, 3000);
	CU_ASSERT_EQUAL(attach(&image, true), GUEST_OK);
	CU_ASSERT_EQUAL(walk_once(), 0);
	CU_ASSERT_EQUAL(walk.n, 5);
	image_free(&image);
}

static void test_reboot_is_seen(void)
{
	struct image image;

	image_build(&image, &plain);
	CU_ASSERT_EQUAL_FATAL(attach(&image, false), GUEST_OK);
	CU_ASSERT_TRUE(guest_kernel_check(&kernel));
	memset(image.ram + IMAGE_TEXT + IMAGE_INIT_TASK, 0, GUEST_PAGE);
	CU_ASSERT_FALSE(guest_kernel_check(&kernel));
	image_free(&image);
}

/* The same kernel after a reboot costs no second look at its BTF; another one does. */
static void test_layout_cache(void)
{
	struct image_options other = plain;
	struct layout_cache cache = {0};
	struct layout layout;
	struct image image;

	image_build(&image, &plain);
	for (unsigned i = 0; i < 2; i++) {
		guest_mem_init(&mem, &image.map, &image_io, &image);
		CU_ASSERT_EQUAL(guest_kernel_attach(&kernel, &mem, true, 0, &cache), GUEST_OK);
		CU_ASSERT_EQUAL(cache.hits, i);
		CU_ASSERT_EQUAL(walk_once(), 0);
		check_values(RSS_PERCPU);
	}
	layout = kernel.layout;
	image_free(&image);
	other.rss = RSS_ATOMIC;
	image_build(&image, &other);
	guest_mem_init(&mem, &image.map, &image_io, &image);
	CU_ASSERT_EQUAL(guest_kernel_attach(&kernel, &mem, true, 0, &cache), GUEST_OK);
	CU_ASSERT_EQUAL(cache.hits, 1);
	CU_ASSERT_NOT_EQUAL(memcmp(&layout, &kernel.layout, sizeof(layout)), 0);
	CU_ASSERT_EQUAL(walk_once(), 0);
	check_values(RSS_ATOMIC);
	image_free(&image);
}

static void test_budget(void)
{
	struct guest_budget calls = {UINT64_MAX, 20, UINT64_MAX};
	struct guest_budget bytes = {9000, UINT64_MAX, UINT64_MAX};
	struct guest_budget time = {UINT64_MAX, UINT64_MAX, 1};
	struct image image;

	image_build(&image, &plain);
	CU_ASSERT_EQUAL_FATAL(attach(&image, false), GUEST_OK);
	guest_mem_begin(&mem, &calls);
	CU_ASSERT_EQUAL(guest_walk(&kernel, &walk, &stats), -ETIME);
	guest_mem_begin(&mem, &bytes);
	CU_ASSERT_EQUAL(guest_walk(&kernel, &walk, &stats), -ETIME);
	guest_mem_begin(&mem, &time);
	CU_ASSERT_EQUAL(guest_walk(&kernel, &walk, &stats), -ETIME);
	image_free(&image);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"every layout", test_every_layout},
		{"system", test_system},
		{"threads", test_threads},
		{"absent pages", test_absent_pages},
		{"no guest", test_no_guest},
		{"counts that move", test_torn_counts},
		{"stale copy", test_stale_copy},
		{"reboot", test_reboot_is_seen},
		{"layouts remembered", test_layout_cache},
		{"budget", test_budget},
		CU_TEST_INFO_NULL,
	};

	return suite_run("guest walk", tests);
}
