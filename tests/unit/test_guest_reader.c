// SPDX-License-Identifier: Apache-2.0
/* Worker processes for real: this program's own memory holds the made-up guest that they read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest/check.h"
#include "guest/worker.h"
#include "guest/worker_child.h"
#include "guest/maps.h"
#include "guest/slots.h"
#include "guest/reader.h"
#include "unit/guest_image.h"
#include "unit/suite.h"

static const struct image_options plain = {
	.levels = 5, .layout = KALLSYMS_PLACE, .rss = RSS_PERCPU, .tasks = 7};

/* A sanitizer maps terabytes that look like RAM: there the map is told, elsewhere found. */
#ifdef __SANITIZE_ADDRESS__
#define FOUND(map) (map)
#else
#define FOUND(map) NULL
#endif

static struct guest_reader *start_by(const char *exe, const struct guest_ram *ram,
				     unsigned deadline_ms)
{
	struct guest_reader_options options = {
		.exe = exe, .interval_ms = 20, .deadline_ms = deadline_ms, .parallel = 2};
	struct guest_target target = {.pid = getpid(), .start_ns = 7, .ram = ram};
	struct guest_reader *reader = guest_reader_new(&options);

	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	guest_reader_set(reader, &target, 1);
	return reader;
}

static struct guest_reader *start(const char *exe, const struct guest_ram *ram)
{
	return start_by(exe, ram, 2000);
}

/* A guest's clock moves, or what was found counts for dead. */
static void tick(struct image *image)
{
	uint64_t base = image_symbol(SYM_TK_CORE) + 8 + 40;

	if (image)
		image_put64(image, base, image_get64(image, base) + 4000000);
}

/* Wait until the reader has tried at least n times. */
static struct guest_view *wait_view(struct guest_reader *reader, struct image *image, uint64_t n,
				    struct guest_reader_state *state)
{
	struct guest_view *view = NULL;

	for (int i = 0; i < 2000; i++) {
		guest_view_unref(view);
		tick(image);
		view = guest_reader_get(reader, getpid(), 7, state);
		if (state->walks + state->failures >= n)
			break;
		usleep(5000);
	}
	return view;
}

/* The same until it answers: on a slow machine a look may miss its deadline now and then. */
static struct guest_view *wait_up(struct guest_reader *reader, struct image *image, uint64_t n,
				  struct guest_reader_state *state)
{
	struct guest_view *view = wait_view(reader, image, n, state);

	for (int i = 0; i < 1000 && !state->up; i++) {
		guest_view_unref(view);
		tick(image);
		usleep(5000);
		view = guest_reader_get(reader, getpid(), 7, state);
	}
	return view;
}

static void test_reads_itself(void)
{
	struct guest_reader_state state;
	struct guest_view *view;
	struct guest_reader *reader;
	struct image image;

	image_build(&image, &plain);
	reader = start(NULL, FOUND(&image.map));
	view = wait_up(reader, &image, 5, &state);
	CU_ASSERT_TRUE(state.known);
	CU_ASSERT_TRUE(state.up);
	CU_ASSERT_STRING_EQUAL(state.why, "");
	CU_ASSERT_EQUAL(state.restarts, 1);
	CU_ASSERT_PTR_NOT_NULL(view);
	if (view) {
		CU_ASSERT_EQUAL(view->n_tasks, 7);
		CU_ASSERT_EQUAL(view->n_cpus, 2);
		CU_ASSERT_STRING_EQUAL(view->tasks[6].comm, "task-7");
		CU_ASSERT_STRING_EQUAL(view->system.hostname, "made-up");
		CU_ASSERT_STRING_EQUAL(view->source, "guest_memory");
	}
	guest_view_unref(view);
	/* A process that is no target is not known. */
	CU_ASSERT_PTR_NULL(guest_reader_get(reader, 1, 7, &state));
	CU_ASSERT_FALSE(state.known);
	guest_reader_set(reader, NULL, 0);
	for (int i = 0; i < 400 && (view = guest_reader_get(reader, getpid(), 7, &state)); i++) {
		guest_view_unref(view);
		usleep(5000);
	}
	CU_ASSERT_FALSE(state.known);
	guest_reader_free(reader);
	image_free(&image);
}

static void test_exact_map(void)
{
	struct guest_reader_state state;
	struct guest_reader *reader;
	struct guest_view *view;
	struct image image;

	image_build(&image, &plain);
	reader = start(NULL, &image.map);
	view = wait_view(reader, &image, 4, &state);
	CU_ASSERT_TRUE(state.up);
	CU_ASSERT_TRUE(view && view->n_tasks == 7);
	guest_view_unref(view);
	guest_reader_free(reader);
	image_free(&image);
}

/* The guest's RAM has gone, or was never a Linux guest's: said in words, with a back-off. */
static void test_no_guest(void)
{
	struct guest_reader_state state;
	struct guest_reader *reader;
	struct guest_view *view;
	struct image image;

	image_build(&image, &plain);
	memset(image.ram, 0, IMAGE_RAM);
	reader = start(NULL, &image.map);
	view = wait_view(reader, NULL, 1, &state);
	CU_ASSERT_PTR_NULL(view);
	CU_ASSERT_FALSE(state.up);
	CU_ASSERT_PTR_NOT_NULL(strstr(state.why, "unsupported"));
	guest_reader_free(reader);
	image_free(&image);
}

/* A kernel whose clock stands is not believed; once it moves, it is. */
static void test_clock_stands(void)
{
	struct guest_reader_state state;
	struct guest_reader *reader;
	struct guest_view *view;
	struct image image;

	image_build(&image, &plain);
	reader = start(NULL, &image.map);
	view = wait_view(reader, NULL, 6, &state);
	CU_ASSERT_PTR_NULL(view);
	CU_ASSERT_PTR_NOT_NULL(strstr(state.why, "clock stands"));
	view = wait_view(reader, &image, state.walks + state.failures + 4, &state);
	CU_ASSERT_PTR_NOT_NULL(view);
	guest_view_unref(view);
	guest_reader_free(reader);
	image_free(&image);
}

static char *script(const char *text)
{
	static char path[] = "/tmp/kvmlens-worker-XXXXXX";
	int fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkostemp(path, 0);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	fchmod(fd, 0700);
	close(fd);
	return path;
}

static void expect_failure(const char *text, unsigned deadline_ms, const char *why)
{
	char *exe = script(text);
	struct guest_reader *reader = start_by(exe, NULL, deadline_ms);
	struct guest_reader_state state;
	struct guest_view *view = wait_view(reader, NULL, 1, &state);

	CU_ASSERT_PTR_NULL(view);
	CU_ASSERT_FALSE(state.up);
	CU_ASSERT_STRING_EQUAL(state.why, why);
	guest_reader_free(reader);
	unlink(exe);
}

static void test_bad_workers(void)
{
	expect_failure("#!/bin/sh\nexec sleep 60\n", 30, "the worker exceeded its deadline");
	expect_failure("#!/bin/sh\nexit 3\n", 2000, "the worker died");
	expect_failure("#!/bin/sh\nhead -c 4000 /dev/zero >&6; exec sleep 60\n", 2000,
		       "the worker sent nonsense");
	expect_failure("#!/bin/sh\nhead -c 10 /dev/zero >&6; exec sleep 60\n", 30,
		       "the worker exceeded its deadline");
}

static void test_no_program(void)
{
	struct guest_reader *reader = start("/does/not/exist", NULL);
	struct guest_reader_state state;

	CU_ASSERT_PTR_NULL(wait_view(reader, NULL, 1, &state));
	CU_ASSERT_PTR_NOT_NULL(strstr(state.why, "no worker"));
	guest_reader_free(reader);
}

#ifndef __SANITIZE_ADDRESS__
/* The text of /proc/CHILD/status of this process's only child. */
static bool child_status(char *text, size_t size)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	char path[300], mine[32];
	bool found = false;

	snprintf(mine, sizeof(mine), "\nPPid:\t%d\n", getpid());
	while (!found && (e = readdir(dir))) {
		ssize_t n;
		int fd;

		snprintf(path, sizeof(path), "/proc/%s/status", e->d_name);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		n = read(fd, text, size - 1);
		text[n > 0 ? n : 0] = '\0';
		close(fd);
		found = strstr(text, mine) && !strstr(text, "zombie");
	}
	closedir(dir);
	return found;
}
#endif

static void test_worker_is_confined(void)
{
#ifdef __SANITIZE_ADDRESS__
	CU_PASS("a sanitizer's build is not confined");
#else
	struct guest_reader_state state;
	struct guest_reader *reader;
	struct image image;
	char text[4096];

	image_build(&image, &plain);
	reader = start(NULL, NULL);
	guest_view_unref(wait_view(reader, &image, 4, &state));
	CU_ASSERT_TRUE_FATAL(child_status(text, sizeof(text)));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nCapPrm:\t0000000000000000\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nCapEff:\t0000000000000000\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nNoNewPrivs:\t1\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nSeccomp:\t2\n"));
	if (geteuid() == 0)
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nUid:\t65523\t65523\t65523\t65523\n"));
	guest_reader_free(reader);
	image_free(&image);
#endif
}

/* What a worker that fell to its guest would try: each call ends it. */
static void test_forbidden_calls(void)
{
#ifdef __SANITIZE_ADDRESS__
	CU_PASS("a sanitizer's build is not confined");
#else
	for (int attempt = 0; attempt < 5; attempt++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			const char *step;
			unsigned done;
			char byte;

			/* Descriptors as a worker has them. */
			for (int fd = 3; fd <= 6; fd++)
				dup2(0, fd);
			if (child_confine(&guest_worker_child, 0, 0, 0, &done, &step) < 0)
				_exit(1);
			if (attempt == 0)
				open("/etc/passwd", O_RDONLY);
			else if (attempt == 1)
				kill(getppid(), 0);
			else if (attempt == 2)
				_exit(pwrite(GUEST_WORKER_MEM_FD, "x", 1, 0) > 0);
			else if (attempt == 3)
				_exit(read(GUEST_WORKER_MEM_FD, &byte, 1) > 0);
			else
				fork();
			_exit(0);
		}
		CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
		CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	}
#endif
}

static void test_report_check(void)
{
	struct guest_report good = {.magic = GUEST_REPORT_MAGIC, .number = 4, .n_tasks = 3}, r;
	struct guest_task tasks[3] = {{.pid = 5}, {.pid = 5}, {.pid = 6}};
	struct guest_view *view;

	CU_ASSERT_EQUAL(guest_report_check(&good, 4), 0);
	CU_ASSERT_EQUAL(guest_report_check(&good, 5), -EPROTO);
	r = good;
	r.n_tasks = GUEST_TASKS_MAX + 1;
	CU_ASSERT_EQUAL(guest_report_check(&r, 4), -EPROTO);
	r = good;
	r.n_cpus = UINT32_MAX;
	CU_ASSERT_EQUAL(guest_report_check(&r, 4), -EPROTO);
	r = good;
	r.status = GUEST_STATUS_MAX;
	CU_ASSERT_EQUAL(guest_report_check(&r, 4), -EPROTO);
	r = good;
	r.status = GUEST_BUSY;
	CU_ASSERT_EQUAL(guest_report_check(&r, 4), -EPROTO);

	memset(tasks[2].comm, 'x', sizeof(tasks[2].comm));
	tasks[2].state = '"';
	tasks[2].cpu_ns = UINT64_MAX - 1;
	tasks[2].rss = 1ull << 60;
	memset(good.system.hostname, 'h', sizeof(good.system.hostname));
	view = guest_report_view(&good, NULL, tasks, 99);
	CU_ASSERT_EQUAL(view->n_tasks, 2);
	CU_ASSERT_EQUAL(view->tasks_left_out, 1);
	CU_ASSERT_EQUAL(view->tasks[1].pid, 6);
	CU_ASSERT_EQUAL(strlen(view->tasks[1].comm), GUEST_COMM_LEN - 1);
	CU_ASSERT_EQUAL(view->tasks[1].state, '?');
	CU_ASSERT_EQUAL(view->tasks[1].cpu_ns, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(view->tasks[1].rss, KVMLENS_ABSENT);
	CU_ASSERT_EQUAL(strlen(view->system.hostname), GUEST_NAME_LEN - 1);
	guest_view_unref(view);
}

static void test_maps(void)
{
	static const char text[] =
		"55d0a0000000-55d0a4000000 r-xp 00000000 08:01 123 /usr/bin/qemu-system-x86_64\n"
		"7f0000000000-7f0020000000 rw-p 00000000 00:00 0 \n"
		"7f0030000000-7f00b0000000 rwxp 00000000 00:00 0 \n"
		"7f0100000000-7f0110000000 rw-s 00000000 00:01 55 /memfd:ram (deleted)\n"
		"7f0110000000-7f0150000000 rw-s 10000000 00:01 55 /memfd:ram (deleted)\n"
		"7f0200000000-7f0280000000 rw-p 00000000 08:01 77 /var/lib/some.file\n"
		"7f0300000000-7f0301000000 rw-p 00000000 00:00 0 \n"
		"7f0400000000-7f0400000000 rw-p garbage\n"
		"nonsense\n\n"
		"7ffc00000000-7ffc80000000 rw-p 00000000 00:00 0 [stack]\n"
		"7fff00000000-7fff10000000 rw-p 00000000 00:00 0";
	struct guest_block blocks[GUEST_BLOCKS_MAX];

	CU_ASSERT_EQUAL_FATAL(guest_maps_blocks(text, blocks), 3);
	CU_ASSERT_EQUAL(blocks[0].hva, 0x7f0100000000);
	CU_ASSERT_EQUAL(blocks[0].size, 0x50000000);
	CU_ASSERT_EQUAL(blocks[1].hva, 0x7f0000000000);
	CU_ASSERT_EQUAL(blocks[2].hva, 0x7fff00000000);
	CU_ASSERT_EQUAL(guest_maps_blocks("", blocks), 0);
}

/* RAM of which KVM knows the place, but a device's registers are among it. */
static void test_maps_filter(void)
{
	static const char text[] =
		"7f0000000000-7f0020000000 rw-p 00000000 00:00 0 \n"
		"7f0100000000-7f0110000000 rw-s 00000000 00:01 55 /memfd:ram (deleted)\n"
		"7f0110000000-7f0120000000 r--s 10000000 08:01 77 /var/lib/ram.file\n"
		"7f0120000000-7f0130000000 rw-s 10000000 00:0e 9 anon_inode:[vfio-device]\n"
		"7f0130000000-7f0140000000 rw-s 00000000 00:05 8 /dev/vfio/7\n"
		"7f0140000000-7f0150000000 rw-s 00000000 00:05 8 /sys/bus/pci/resource0\n"
		"7f0150000000-7f0160000000 ---p 00000000 00:00 0 \n"
		"7f0160000000-7f0170000000 rw-s 00000000 00:05 8 /dev/shm/ram\n";
	struct guest_ram ram = {0}, left;

	CU_ASSERT_EQUAL(guest_ram_add(&ram, 0, 0x10000000, 0x7f0000000000), 0);
	CU_ASSERT_EQUAL(guest_ram_add(&ram, 1ull << 32, 0x70000000, 0x7f0100000000), 0);
	CU_ASSERT_EQUAL(guest_ram_add(&ram, 1ull << 40, 0x1000, 0x7e0000000000), 0);
	CU_ASSERT_EQUAL_FATAL(guest_maps_filter(text, &ram, &left), 3);
	CU_ASSERT_EQUAL(left.seg[0].size, 0x10000000);
	CU_ASSERT_EQUAL(left.seg[1].gpa, 1ull << 32);
	CU_ASSERT_EQUAL(left.seg[1].size, 0x20000000);
	CU_ASSERT_EQUAL(left.seg[1].hva, 0x7f0100000000);
	CU_ASSERT_EQUAL(left.seg[2].gpa, (1ull << 32) + 0x60000000);
	CU_ASSERT_EQUAL(left.seg[2].hva, 0x7f0160000000);
	CU_ASSERT_EQUAL(guest_maps_filter("", &ram, &left), 0);
}

static struct kvm_slot slot_of(uint32_t tgid, uint64_t gpa, uint64_t size, uint64_t hva,
			       uint32_t flags)
{
	return (struct kvm_slot){.kind = KVM_SLOT_RAM,
				 .tgid = tgid,
				 .generation = 5,
				 .gpa = gpa,
				 .size = size,
				 .hva = hva,
				 .flags = flags};
}

static void test_slots(void)
{
	struct kvm_slot slots[] = {
		slot_of(1, 0, 4096, 0x7000, 0),
		{.kind = KVM_SLOT_END, .tgid = 1, .generation = 5, .count = 1},
		slot_of(2, 0x100000, 0x100000, 0x7f0000100000, 0),
		slot_of(2, 0, 0x100000, 0x7f0000000000, KVM_SLOT_PRIVATE),
		slot_of(2, 0xfffc0000, 0x40000, 0x7f1000000000, KVM_SLOT_READONLY),
		{.kind = KVM_SLOT_END, .tgid = 2, .generation = 5, .count = 3},
		{.kind = KVM_SLOT_END, .tgid = 3, .generation = 5},
	};
	const size_t n = G_N_ELEMENTS(slots);
	struct guest_ram ram = {0};
	bool hidden = false;

	CU_ASSERT_EQUAL(guest_slots_ram(slots, n, 1, &ram, &hidden), 0);
	CU_ASSERT_TRUE(ram.n == 1 && !hidden);
	CU_ASSERT_EQUAL(guest_slots_ram(slots, n, 2, &ram, &hidden), 0);
	CU_ASSERT_TRUE(ram.n == 1 && hidden);
	CU_ASSERT_EQUAL(ram.seg[0].size, 0x200000);
	CU_ASSERT_EQUAL(guest_slots_ram(slots, n, 3, &ram, &hidden), -ENOENT);
	CU_ASSERT_EQUAL(guest_slots_ram(slots, n, 4, &ram, &hidden), -ENOENT);
	CU_ASSERT_EQUAL(guest_slots_ram(slots, 5, 2, &ram, &hidden), -EAGAIN); /* no end */
	slots[5].generation = ~0ull;
	CU_ASSERT_EQUAL(guest_slots_ram(slots, n, 2, &ram, &hidden), -EAGAIN);
	slots[5].generation = 5;
	slots[5].count = 4;
	CU_ASSERT_EQUAL(guest_slots_ram(slots, n, 2, &ram, &hidden), -EAGAIN);
	slots[5].count = 3;
	slots[3].size = 0x101000; /* overlap */
	CU_ASSERT_EQUAL(guest_slots_ram(slots, n, 2, &ram, &hidden), -EINVAL);
	slots[3].size = 0x100000;
	slots[3].hva = 0x7f0000000123;
	CU_ASSERT_EQUAL(guest_slots_ram(slots, n, 2, &ram, &hidden), -EINVAL);
}

int main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{"maps", test_maps},
		{"RAM and registers", test_maps_filter},
		{"memory slots", test_slots},
		{"report check", test_report_check},
		{"reads itself", test_reads_itself},
		{"exact map", test_exact_map},
		{"no guest", test_no_guest},
		{"clock stands", test_clock_stands},
		{"bad workers", test_bad_workers},
		{"no program", test_no_program},
		{"worker is confined", test_worker_is_confined},
		{"forbidden calls", test_forbidden_calls},
		CU_TEST_INFO_NULL,
	};

	if (argc == 2 && strcmp(argv[1], GUEST_WORKER_ARG) == 0)
		return guest_worker_main();
	return suite_run("guest reader", tests);
}
