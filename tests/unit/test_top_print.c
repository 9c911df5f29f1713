// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tui/top.h"
#include "unit/fake_snapshot.h"
#include "unit/suite.h"

struct memory {
	char *text;
	size_t size;
	FILE *file;
};

static void memory_open(struct memory *memory)
{
	*memory = (struct memory){0};
	memory->file = open_memstream(&memory->text, &memory->size);
}

static void memory_close(struct memory *memory)
{
	fclose(memory->file);
	free(memory->text);
}

static int count(const char *text, const char *part)
{
	int n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static void test_print(void)
{
	struct kvmlens_snapshot *snapshot =
		fake_snapshot(&(struct fake_spec){.vms = 100, .vcpus = 3, .tick = 2});
	struct top_options options;
	struct memory memory;

	top_options_init(&options);
	options.sort = "name";
	memory_open(&memory);
	CU_ASSERT_EQUAL(top_print(memory.file, snapshot, &options), 0);
	/* Every VM is there, without keys to press or marks of the screen. */
	CU_ASSERT_EQUAL(count(memory.text, "\n  vm-"), 100);
	CU_ASSERT_EQUAL(count(memory.text, "NAME"), 2);
	CU_ASSERT_PTR_NULL(strstr(memory.text, "quit"));
	CU_ASSERT_PTR_NULL(strchr(memory.text, '\x1b'));
	CU_ASSERT_EQUAL(memory.text[memory.size - 1], '\n');
	memory_close(&memory);
	kvmlens_snapshot_unref(snapshot);
}

static void test_print_options(void)
{
	struct kvmlens_snapshot *snapshot =
		fake_snapshot(&(struct fake_spec){.vms = 12, .vcpus = 3, .tick = 2});
	struct top_options options;
	struct memory memory;

	top_options_init(&options);
	options.expand = true;
	options.filter = "vm-001";
	options.width = 210;
	memory_open(&memory);
	CU_ASSERT_EQUAL(top_print(memory.file, snapshot, &options), 0);
	CU_ASSERT_EQUAL(count(memory.text, "\n  vm-"), 2);
	CU_ASSERT_EQUAL(count(memory.text, "\n    vCPU"), 6);
	CU_ASSERT_EQUAL(count(memory.text, "00000000-0000-4000-8000-0000000000"), 2);
	options.sort = "no such column";
	CU_ASSERT_EQUAL(top_print(memory.file, snapshot, &options), -EINVAL);
	memory_close(&memory);
	kvmlens_snapshot_unref(snapshot);
}

/* A source whose every second call finds a new snapshot; the first has no rates. */
static const struct kvmlens_snapshot *fake_get(void *ctx)
{
	unsigned *calls = ctx;

	(*calls)++;
	if (*calls == 1)
		return NULL;
	return fake_snapshot(&(struct fake_spec){.vms = 1, .vcpus = 1, .tick = *calls / 2});
}

static const struct top_source fake_source = {.get = fake_get};

static void test_batch(void)
{
	struct top_options options;
	struct memory memory;
	unsigned calls = 0;

	top_options_init(&options);
	options.count = 2;
	memory_open(&memory);
	CU_ASSERT_EQUAL(top_batch(&fake_source, &calls, &options, memory.file), 0);
	CU_ASSERT_EQUAL(count(memory.text, "NAME"), 2);
	/* Tick 1 is skipped, 2 is printed once, then 3. */
	CU_ASSERT_EQUAL(calls, 6);
	memory_close(&memory);
}

static void test_batch_stops(void)
{
	struct top_options options;
	struct memory memory;
	unsigned calls = 0;
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	close(fds[1]);
	top_options_init(&options);
	options.stop_fd = fds[0];
	memory_open(&memory);
	CU_ASSERT_EQUAL(top_batch(&fake_source, &calls, &options, memory.file), 0);
	CU_ASSERT_EQUAL(calls, 1);
	memory_close(&memory);
	close(fds[0]);
}

static void test_write_error(void)
{
	FILE *full = fopen("/dev/full", "w");
	struct top_options options;
	unsigned calls = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(full);
	top_options_init(&options);
	CU_ASSERT_EQUAL(top_batch(&fake_source, &calls, &options, full), -ENOSPC);
	fclose(full);
}

/* A test's standard input is no terminal, or it is made so. */
static void test_no_terminal(void)
{
	struct top_options options;
	unsigned calls = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(freopen("/dev/null", "r", stdin));
	top_options_init(&options);
	CU_ASSERT_EQUAL(top_run(&fake_source, &calls, &options), -ENOTTY);
	options.sort = "no such column";
	CU_ASSERT_EQUAL(top_run(&fake_source, &calls, &options), -EINVAL);
}

int main(void)
{
	CU_TestInfo tests[] = {{"print", test_print},
			       {"print_options", test_print_options},
			       {"batch", test_batch},
			       {"batch_stops", test_batch_stops},
			       {"write_error", test_write_error},
			       {"no_terminal", test_no_terminal},
			       CU_TEST_INFO_NULL};

	return suite_run("top_print", tests);
}
