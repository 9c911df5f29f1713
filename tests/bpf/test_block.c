// SPDX-License-Identifier: Apache-2.0
/*
 * The block programs on the running kernel, with this process in the place of a VM and a loop
 * device as its disk: what it writes and reads is what it knows. /proc/diskstats is the witness
 * of the time.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <glib.h>
#include "probe/probe.h"
#include "unit/suite.h"

#define BLOCK 4096
#define DISK_SIZE (16u << 20)
#define SKIP 77
#define LATENCY_TRIES 5
#define LATENCY_WRITES 100

static struct probe *probe;
static int disk = -1, loop_fd = -1;
static char loop_name[32];

static int attach_loop(int file)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), number;

	if (control < 0)
		return -errno;
	for (int i = 0; i < 20; i++) {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		g_snprintf(loop_name, sizeof(loop_name), "/dev/loop%d", number);
		loop_fd = open(loop_name, O_RDWR | O_CLOEXEC);
		/* Somebody else may have taken it in between. */
		if (loop_fd >= 0 && !ioctl(loop_fd, LOOP_SET_FD, file))
			break;
		if (loop_fd >= 0)
			close(loop_fd);
		loop_fd = -1;
	}
	close(control);
	return loop_fd < 0 ? -ENODEV : 0;
}

static int make_disk(void)
{
	g_autofree char *path = g_build_filename(g_get_tmp_dir(), "kvmlens-disk.XXXXXX", NULL);
	int file = g_mkstemp(path), err;

	if (file < 0 || ftruncate(file, DISK_SIZE))
		return -errno;
	unlink(path);
	err = attach_loop(file);
	close(file);
	if (err)
		return err;
	disk = open(loop_name, O_RDWR | O_DIRECT | O_CLOEXEC);
	return disk < 0 ? -errno : 0;
}

static void end_disk(void)
{
	if (disk >= 0)
		close(disk);
	if (loop_fd >= 0) {
		ioctl(loop_fd, LOOP_CLR_FD);
		close(loop_fd);
	}
}

static uint32_t disk_dev(void)
{
	struct stat st;

	CU_ASSERT_EQUAL_FATAL(fstat(disk, &st), 0);
	return major(st.st_rdev) << 20 | minor(st.st_rdev);
}

/* Sum of what is counted of us on our disk. */
static struct block_value counted(enum block_op op, uint32_t *ret_epoch)
{
	g_autoptr(GArray) records = g_array_new(FALSE, FALSE, sizeof(struct probe_block));
	struct block_value sum = {0};

	CU_ASSERT_EQUAL_FATAL(probe_block_read(probe, records, ret_epoch), 0);
	for (unsigned i = 0; i < records->len; i++) {
		const struct probe_block *r = &g_array_index(records, struct probe_block, i);

		if (r->key.tgid != (uint32_t)getpid() || r->key.dev != disk_dev() ||
		    r->key.op != op)
			continue;
		CU_ASSERT_EQUAL(sum.requests, 0);
		sum = r->value;
	}
	return sum;
}

static void transfer(unsigned n, unsigned blocks, bool writing)
{
	void *buf = NULL;

	CU_ASSERT_EQUAL_FATAL(posix_memalign(&buf, BLOCK, blocks * BLOCK), 0);
	memset(buf, 0x5a, blocks * BLOCK);
	for (unsigned i = 0; i < n; i++) {
		off_t at = (off_t)(i * 7 % (DISK_SIZE / BLOCK / blocks)) * blocks * BLOCK;
		ssize_t done = writing ? pwrite(disk, buf, blocks * BLOCK, at)
				       : pread(disk, buf, blocks * BLOCK, at);

		CU_ASSERT_EQUAL(done, blocks * BLOCK);
	}
	free(buf);
}

static uint64_t hist_sum(const struct block_value *value)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < BLOCK_HIST_BUCKETS; i++)
		n += value->hist[i];
	return n;
}

static void check_counts(enum block_op op, unsigned n, unsigned blocks)
{
	uint32_t epoch;
	struct block_value before = counted(op, &epoch), now;

	transfer(n, blocks, op == BLOCK_WRITE);
	now = counted(op, &epoch);
	CU_ASSERT_EQUAL(now.requests - before.requests, n);
	CU_ASSERT_EQUAL(now.bytes - before.bytes, (uint64_t)n * blocks * BLOCK);
	CU_ASSERT_EQUAL(hist_sum(&now), now.requests);
	CU_ASSERT_EQUAL(now.errors, 0);
	CU_ASSERT_EQUAL(now.max_epoch[epoch & 1], epoch);
	CU_ASSERT_TRUE(now.max_ns[epoch & 1] * n >= now.ns - before.ns);
	CU_ASSERT_TRUE(now.max_ns[epoch & 1] <= now.ns - before.ns);
}

static void test_writes(void)
{
	check_counts(BLOCK_WRITE, 200, 1);
}

static void test_reads(void)
{
	check_counts(BLOCK_READ, 200, 4);
}

/* Completed writes and the milliseconds they took, as /proc/diskstats has them. */
static void diskstats(unsigned long *ret_writes, unsigned long *ret_ms)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	char name[32];

	CU_ASSERT_TRUE_FATAL(g_file_get_contents("/proc/diskstats", &text, NULL, NULL));
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++)
		if (sscanf(*line, "%*u %*u %31s %*u %*u %*u %*u %lu %*u %*u %lu", name, ret_writes,
			   ret_ms) == 3 &&
		    !strcmp(name, strrchr(loop_name, '/') + 1))
			return;
	CU_FAIL_FATAL("the disk is not in /proc/diskstats");
}

/*
 * Both count from nearly the same moment, a request's allocation and its issue, to the same end.
 * What lies between is some microseconds, or more where this thread loses its CPU: so the writes
 * go on to the disk below, which takes much longer, and one of several windows decides.
 */
static void test_latency(void)
{
	unsigned long writes, ms, writes_before, ms_before;
	struct block_value before, now;
	double ours = 0, theirs = 1;
	uint32_t epoch;

	/* Where the file system below allows it. */
	ioctl(loop_fd, LOOP_SET_DIRECT_IO, 1UL);
	for (int i = 0; i < LATENCY_TRIES && fabs(ours - theirs) > 0.05 * theirs; i++) {
		before = counted(BLOCK_WRITE, &epoch);
		diskstats(&writes_before, &ms_before);
		transfer(LATENCY_WRITES, 256, true);
		diskstats(&writes, &ms);
		now = counted(BLOCK_WRITE, &epoch);
		ours = (double)(now.ns - before.ns) / (double)(now.requests - before.requests);
		theirs = (double)(ms - ms_before) * 1e6 / (double)(writes - writes_before);
		printf("\n    mean latency %.0f ns, /proc/diskstats %.0f ns ", ours, theirs);
	}
	ioctl(loop_fd, LOOP_SET_DIRECT_IO, 0UL);
	CU_ASSERT_TRUE(fabs(ours - theirs) <= 0.05 * theirs);
}

/* What is nobody's is counted as such. */
static void test_unattributed(void)
{
	uint64_t requests, bytes;
	struct block_value before, now;
	uint32_t epoch;

	CU_ASSERT_EQUAL(probe_block_vm(probe, getpid(), false), 0);
	before = counted(BLOCK_WRITE, &epoch);
	requests = probe_block_count(probe, BLOCK_UNATTRIBUTED_REQUESTS);
	bytes = probe_block_count(probe, BLOCK_UNATTRIBUTED_BYTES);
	transfer(50, 1, true);
	now = counted(BLOCK_WRITE, &epoch);
	CU_ASSERT_EQUAL(now.requests, before.requests);
	requests = probe_block_count(probe, BLOCK_UNATTRIBUTED_REQUESTS) - requests;
	bytes = probe_block_count(probe, BLOCK_UNATTRIBUTED_BYTES) - bytes;
	CU_ASSERT_TRUE(requests >= 50 && bytes >= 50 * BLOCK);
	CU_ASSERT_EQUAL(probe_block_vm(probe, getpid(), true), 0);
}

/* A VM that has gone takes its counters along, and its successor begins anew. */
static void test_forget(void)
{
	g_autoptr(GArray) records = g_array_new(FALSE, FALSE, sizeof(struct probe_block));
	uint32_t epoch;

	transfer(1, 1, true);
	CU_ASSERT_EQUAL(probe_block_read(probe, records, &epoch), 0);
	for (unsigned i = 0; i < records->len; i++)
		probe_block_forget(probe, &g_array_index(records, struct probe_block, i).key);
	CU_ASSERT_EQUAL(counted(BLOCK_WRITE, &epoch).requests, 0);
	check_counts(BLOCK_WRITE, 10, 1);
}

static void open_again(unsigned groups, unsigned without)
{
	struct probe_options options = {.max_threads = 64, .groups = groups, .without = without};

	probe_close(probe, false);
	probe = NULL;
	CU_ASSERT_EQUAL_FATAL(probe_open(&options, &probe), 0);
}

static void test_raw(void)
{
	open_again(KVMLENS_IOPS, 1u << FEATURE_SCHED_BTF);
	CU_ASSERT_EQUAL_FATAL(probe_block_vm(probe, getpid(), true), 0);
	check_counts(BLOCK_WRITE, 200, 1);
}

static void test_group_off(void)
{
	g_autoptr(GArray) records = g_array_new(FALSE, FALSE, sizeof(struct probe_block));
	uint32_t epoch;

	open_again(KVMLENS_ALL_GROUPS & ~(KVMLENS_DISK | KVMLENS_IOPS), 0);
	CU_ASSERT_EQUAL(probe_block_vm(probe, getpid(), true), -ENOTSUP);
	CU_ASSERT_EQUAL(probe_block_read(probe, records, &epoch), -ENOTSUP);
	CU_ASSERT_EQUAL(probe_features(probe)->f[FEATURE_BLOCK].state, FEATURE_OFF);
	open_again(KVMLENS_ALL_GROUPS, 0);
	CU_ASSERT_EQUAL(probe_block_vm(probe, getpid(), true), 0);
}

int main(int argc, char **argv)
{
	struct probe_options options = {.max_threads = 64, .groups = KVMLENS_DISK};
	CU_TestInfo tests[] = {
		{"writes", test_writes},
		{"reads", test_reads},
		{"what is nobody's", test_unattributed},
		{"forgotten", test_forget},
		{"raw tracepoints", test_raw},
		{"group off", test_group_off},
		{"latency", test_latency},
		CU_TEST_INFO_NULL,
	};
	int status;

	/* "counts": where time is emulated it says nothing. */
	if (argc > 1 && !strcmp(argv[1], "counts"))
		tests[G_N_ELEMENTS(tests) - 2] = (CU_TestInfo)CU_TEST_INFO_NULL;
	if (geteuid() || make_disk()) {
		printf("needs root and a free loop device\n");
		end_disk();
		return SKIP;
	}
	status = probe_open(&options, &probe);
	if (!status)
		status = probe_block_vm(probe, getpid(), true);
	if (!status)
		status = suite_run("block", tests);
	probe_close(probe, false);
	end_disk();
	return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
