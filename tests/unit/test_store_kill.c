/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer that is killed at a random moment, again and again, on one file: never a damaged file,
 * never more lost than the tick that was being written. Argument: how many times.
 */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench_data.h"
#include "store/query.h"
#include "store/store.h"
#include "suite.h"
#include "unit/fake_snapshot.h"

#define START_MS 1700000100000
#define STEP_MS 10000
#define VMS 4
#define LIFE_US 15000

static unsigned kills = 60;
static char *path, *paced_path;

static double usage_at(gint64 tick)
{
	return (double)(tick % 1000);
}

/* Write ticks and say of each that it is in the file, until killed. */
static void write_for_ever(gint64 tick, int said)
{
	struct store_config config = {.path = path, .retention = {.raw_s = 4 * 3600}};
	struct store *store;

	if (store_new(&config, &store))
		_exit(1);
	for (;; tick++) {
		struct fake_spec spec = {
			.vms = VMS, .vcpus = 1, .level = KVMLENS_STANDARD, .tick = (unsigned)tick};
		struct kvmlens_snapshot *s = fake_snapshot(&spec);
		struct store_stats stats;

		s->wall_ms = START_MS + tick * STEP_MS;
		((struct snap_vm *)entities_at(&s->vms, 0))->rate.usage = usage_at(tick);
		store_offer(store, s);
		kvmlens_snapshot_unref(s);
		store_flush(store);
		store_stats(store, &stats);
		if (stats.failures || stats.set_aside)
			_exit(2);
		if (write(said, &tick, sizeof(tick)) != sizeof(tick))
			_exit(3);
	}
}

#define PACE_US 100000
#define PACED_VMS 30

/*
 * Ticks at 100 ms, as an agent hands them over: nothing waits for the file. Windows end every three
 * seconds, so that blocks and rollups are made and the log is moved into the file meanwhile.
 */
static void write_paced(gint64 tick, int said)
{
	struct store_config config = {.path = path, .retention = {.raw_s = 4 * 3600}};
	gint64 next = g_get_monotonic_time();
	struct store *store;

	if (store_new(&config, &store))
		_exit(1);
	for (;; tick++) {
		struct fake_spec spec = {.vms = PACED_VMS,
					 .vcpus = 1,
					 .level = KVMLENS_STANDARD,
					 .tick = (unsigned)tick};
		struct kvmlens_snapshot *s = fake_snapshot(&spec);

		s->wall_ms = START_MS + tick * STEP_MS;
		((struct snap_vm *)entities_at(&s->vms, 0))->rate.usage = usage_at(tick);
		store_offer(store, s);
		kvmlens_snapshot_unref(s);
		if (write(said, &tick, sizeof(tick)) != sizeof(tick))
			_exit(3);
		next += PACE_US;
		g_usleep((gulong)MAX(next - g_get_monotonic_time(), 0));
	}
}

/*
 * Let a writer live for a moment, from its start or from the first tick that it says is safe; the
 * last such tick, or the one before.
 */
static gint64 live_and_die(gint64 tick, bool settled, bool paced, unsigned life_us)
{
	gint64 last = tick - 1, said;
	int ends[2], status = 0;
	pid_t child;

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		if (paced)
			write_paced(tick, ends[1]);
		write_for_ever(tick, ends[1]);
	}
	close(ends[1]);
	CU_ASSERT_FATAL(child > 0);
	if (settled && read(ends[0], &said, sizeof(said)) == sizeof(said))
		last = said;
	g_usleep(life_us);
	kill(child, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT(WIFSIGNALED(status));
	while (read(ends[0], &said, sizeof(said)) == sizeof(said))
		last = said;
	close(ends[0]);
	return last;
}

/* Every tick of the last hours is there, with its value; returns the last one. */
static gint64 check_file(gint64 safe)
{
	struct store_reader *reader = NULL;
	g_autoptr(GPtrArray) series = NULL;
	g_autoptr(GArray) points = NULL;
	gint64 tick = MAX(safe - 1000, 0), last = -1;

	if (safe < 0 && store_reader_open(path, &reader))
		return -1;
	if (!reader)
		CU_ASSERT_EQUAL_FATAL(store_reader_open(path, &reader), 0);
	if (store_find(reader, "vm-0000", "vm.cpu.usage", NULL, &series) || !series->len) {
		CU_ASSERT(safe < 0);
		store_reader_close(reader);
		return -1;
	}
	CU_ASSERT_EQUAL_FATAL(store_query(reader, g_ptr_array_index(series, 0),
					  START_MS + tick * STEP_MS, G_MAXINT64 / 4, 0, &points),
			      0);
	for (guint i = 0; i < points->len; i++, tick++) {
		const struct store_point *p = &g_array_index(points, struct store_point, i);

		last = (p->time_ms - START_MS) / STEP_MS;
		CU_ASSERT_EQUAL(last, tick);
		CU_ASSERT_EQUAL(p->mean, usage_at(tick));
	}
	CU_ASSERT(last == safe || last == safe + 1);
	store_reader_close(reader);
	return last;
}

static void check_whole(void)
{
	sqlite3 *db = NULL;
	g_autoptr(sqlite3_stmt) check = NULL;

	/* One that may write, as a writer killed before its log was set up leaves a journal. */
	CU_ASSERT_EQUAL_FATAL(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	check = store_db_prepare(db, "PRAGMA integrity_check", NULL);
	CU_ASSERT_EQUAL_FATAL(sqlite3_step(check), SQLITE_ROW);
	CU_ASSERT_STRING_EQUAL((const char *)sqlite3_column_text(check, 0), "ok");
	g_clear_pointer(&check, sqlite3_finalize);
	store_db_close(db);
}

static void test_kills(void)
{
	struct noise noise = {.state = 5};
	gint64 last = -1;

	for (unsigned i = 0; i < kills; i++) {
		unsigned life_us = (unsigned)(LIFE_US * 2 * noise_uniform(&noise));
		gint64 safe = live_and_die(last + 1, i % 2, false, life_us);

		last = check_file(safe);
		if (i % 20 == 19)
			check_whole();
	}
	printf(" [%u kills, %ld ticks] ", kills, (long)last);
	CU_ASSERT(last >= kills / 2 - 1);
}

/* Nothing is lost but the tick that was being written. */
static void test_paced_kills(void)
{
	struct noise noise = {.state = 9};
	gint64 tick = 0, most = 0;

	g_free(path);
	path = g_strdup(paced_path);
	for (unsigned i = 0; i < kills / 5; i++) {
		unsigned life_us = (unsigned)(2 * 700000 * noise_uniform(&noise));
		gint64 said = live_and_die(tick, true, true, life_us), last;
		struct store_reader *reader = NULL;
		g_autoptr(GPtrArray) series = NULL;
		g_autoptr(GArray) points = NULL;

		CU_ASSERT_EQUAL_FATAL(store_reader_open(path, &reader), 0);
		CU_ASSERT_EQUAL_FATAL(store_find(reader, "vm-0000", "vm.cpu.usage", NULL, &series),
				      0);
		CU_ASSERT_EQUAL_FATAL(series->len, 1);
		CU_ASSERT_EQUAL_FATAL(
			store_query(reader, series->pdata[0], 0, G_MAXINT64 / 4, 0, &points), 0);
		store_reader_close(reader);
		last = points->len ? (g_array_index(points, struct store_point, points->len - 1)
					      .time_ms -
				      START_MS) /
					     STEP_MS
				   : -1;
		most = MAX(most, said - last);
		CU_ASSERT(said - last <= 1);
		tick = said + 1;
	}
	printf(" [%u kills, at most %ld lost] ", kills / 5, (long)most);
	check_whole();
}

int main(int argc, char **argv)
{
	CU_TestInfo tests[] = {{"kill -9", test_kills},
			       {"kill -9 at 100 ms", test_paced_kills},
			       CU_TEST_INFO_NULL};
	g_autofree char *folder = g_dir_make_tmp("kvmlens-kill-XXXXXX", NULL);
	g_autofree char *remove = g_strdup_printf("rm -rf '%s'", folder);
	int result;

	if (argc > 1)
		kills = (unsigned)atoi(argv[1]);
	path = g_build_filename(folder, "history.db", NULL);
	paced_path = g_build_filename(folder, "paced.db", NULL);
	result = suite_run("store killed", tests);
	if (system(remove))
		result = 1;
	g_free(path);
	g_free(paced_path);
	return result;
}
