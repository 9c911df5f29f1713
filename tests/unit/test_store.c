/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "bench_data.h"
#include "metric/metric.h"
#include "store/block.h"
#include "store/codec.h"
#include "store/columns.h"
#include "store/history.h"
#include "store/query.h"
#include "store/store.h"
#include "suite.h"
#include "unit/fake_snapshot.h"

#define START_MS 1700000100000 /* a whole window and not a whole hour */

static char *folder;

static char *file_named(const char *name)
{
	return g_build_filename(folder, name, NULL);
}

static bool same_bits(const double *a, const double *b, size_t n)
{
	return memcmp(a, b, n * sizeof(double)) == 0;
}

static void check_round_trip(const double *values, size_t rows, size_t columns)
{
	struct codec *codec = codec_new();
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	g_autofree double *back = g_new(double, rows);

	CU_ASSERT_EQUAL(codec_encode(codec, values, rows, columns, bytes), 0);
	for (size_t c = 0; c < columns; c++) {
		CU_ASSERT_EQUAL(codec_decode_some(codec, bytes->data, bytes->len, rows, columns, &c,
						  1, &back),
				0);
		CU_ASSERT(same_bits(back, values + c * rows, rows));
	}
	codec_free(codec);
}

static void test_codec(void)
{
	struct noise noise = {.state = 1};
	double v[8][300];

	for (unsigned i = 0; i < 300; i++) {
		v[0][i] = 42.5;
		v[1][i] = 1e6 + i * 1000;
		v[2][i] = floor(1e15 * noise_uniform(&noise)) - 5e14;
		v[3][i] = noise_gauss(&noise);
		v[4][i] = i % 7 ? NAN : (double)i;
		v[5][i] = i % 3 ? -0.0 : 0.0;
		v[6][i] = i % 2 ? INFINITY : -DBL_MAX;
		v[7][i] = i == 200 ? 9007199254740991 : -9007199254740991;
	}
	check_round_trip(v[0], 300, 8);
	check_round_trip(v[0], 1, 8);
	check_round_trip(v[1], 2, 2);
}

static void test_codec_refuses(void)
{
	struct noise noise = {.state = 2};
	struct codec *codec = codec_new();
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	double v[600], back[300], *out = back;
	const size_t wanted = 1;

	for (unsigned i = 0; i < 600; i++)
		v[i] = i < 300 ? noise_gauss(&noise) : i * i;
	CU_ASSERT_EQUAL(codec_encode(codec, v, 300, 2, bytes), 0);
	CU_ASSERT_EQUAL(codec_decode_some(codec, bytes->data, bytes->len, 299, 2, &wanted, 1, &out),
			-EBADMSG);
	CU_ASSERT_EQUAL(
		codec_decode_some(codec, bytes->data, bytes->len / 2, 300, 2, &wanted, 1, &out),
		-EBADMSG);
	/* Any damage is refused or gives some numbers, but never reads beyond. */
	for (unsigned i = 0; i < 2000; i++) {
		guint at = (guint)(noise_uniform(&noise) * bytes->len);
		guint8 was = bytes->data[at];

		bytes->data[at] ^= (guint8)(1 + 254 * noise_uniform(&noise));
		codec_decode_some(codec, bytes->data, bytes->len, 300, 2, &wanted, 1, &out);
		bytes->data[at] = was;
	}
	CU_ASSERT_EQUAL(codec_encode(codec, v, 0, 1, bytes), -EINVAL);
	CU_ASSERT_EQUAL(codec_encode(codec, v, 1, CODEC_COLUMNS_MAX + 1, bytes), -EINVAL);
	codec_free(codec);
}

static void test_round(void)
{
	struct noise noise = {.state = 3};

	for (unsigned i = 0; i < 10000; i++) {
		double v = noise_gauss(&noise) * exp(40 * noise_gauss(&noise));

		CU_ASSERT(fabs(codec_round(v) - v) <= 6e-8 * fabs(v));
		CU_ASSERT_EQUAL(codec_round(codec_round(v)), codec_round(v));
	}
	CU_ASSERT_EQUAL(codec_round(0), 0);
	CU_ASSERT_EQUAL(codec_round(0.5), 0.5);
	CU_ASSERT(isnan(codec_round(NAN)));
}

static void test_rollup(void)
{
	double v[] = {1, NAN, 5, 3};
	struct rollup_point p = rollup_of(v, 4), none = rollup_of(v + 1, 1), both[2] = {p, none};
	struct rollup_point all = rollup_join(both, 2);

	CU_ASSERT(p.min == 1 && p.mean == 3 && p.max == 5 && p.count == 3);
	CU_ASSERT(none.count == 0 && isnan(none.mean));
	CU_ASSERT(all.min == 1 && all.mean == 3 && all.max == 5 && all.count == 3);
	both[1] = (struct rollup_point){-1, 7, 9, 1};
	all = rollup_join(both, 2);
	CU_ASSERT(all.min == -1 && all.mean == 4 && all.max == 9 && all.count == 4);
}

static int count_value(void *arg, const struct metric *metric, const struct snap_vm *vm,
		       const struct labels *labels, const struct metric_value *value)
{
	(void)vm;
	(void)labels;
	(void)value;
	*(double *)arg += metric->type != TYPE_HIST;
	return 0;
}

static struct store *begin(const char *path, const struct retention *retention)
{
	struct store_config config = {.path = path};
	struct store *store = NULL;

	if (retention)
		config.retention = *retention;
	CU_ASSERT_EQUAL_FATAL(store_new(&config, &store), 0);
	return store;
}

/* The tick's snapshot, with the first VM's CPU use set. */
static struct kvmlens_snapshot *snapshot_at(unsigned vms, unsigned tick, gint64 time_ms,
					    double usage)
{
	struct fake_spec spec = {.vms = vms, .vcpus = 1, .level = KVMLENS_STANDARD, .tick = tick};
	struct kvmlens_snapshot *s = fake_snapshot(&spec);

	s->wall_ms = time_ms;
	if (vms)
		((struct snap_vm *)entities_at(&s->vms, 0))->rate.usage = usage;
	return s;
}

static double usage_at(unsigned tick)
{
	return codec_round(50 + 40 * sin(tick / 20.0) + 0.001 * tick);
}

/* Wait for room rather than be refused; takes the reference. */
static void hand_over(struct store *store, struct kvmlens_snapshot *s)
{
	struct store_stats stats;

	store_stats(store, &stats);
	if (stats.waiting >= STORE_TICKS_MAX)
		store_flush(store);
	CU_ASSERT_EQUAL(store_offer(store, s), 0);
	kvmlens_snapshot_unref(s);
}

static void offer(struct store *store, unsigned vms, unsigned tick, gint64 step_ms)
{
	struct kvmlens_snapshot *s =
		snapshot_at(vms, tick, START_MS + tick * step_ms, usage_at(tick));

	hand_over(store, s);
}

static GArray *query(const char *path, const char *vm, const char *metric, gint64 since_ms,
		     gint64 until_ms, gint64 step_ms)
{
	struct store_reader *reader = NULL;
	g_autoptr(GPtrArray) series = NULL;
	GArray *points = NULL;

	CU_ASSERT_EQUAL_FATAL(store_reader_open(path, &reader), 0);
	CU_ASSERT_EQUAL_FATAL(store_find(reader, vm, metric, NULL, &series), 0);
	CU_ASSERT_EQUAL(series->len, 1);
	if (series->len)
		CU_ASSERT_EQUAL(store_query(reader, g_ptr_array_index(series, 0), since_ms,
					    until_ms, step_ms, &points),
				0);
	store_reader_close(reader);
	return points ? points : g_array_new(FALSE, FALSE, sizeof(struct store_point));
}

static const struct store_point *point_at(const GArray *points, guint i)
{
	return &g_array_index(points, struct store_point, i);
}

/* What went in comes out: from blocks and head rows alike, while the store is open and after. */
static void check_all_points(const char *path, unsigned ticks, gint64 step_ms)
{
	g_autoptr(GArray) points = query(path, "vm-0000", "vm.cpu.usage", 0, G_MAXINT64 / 4, 0);

	CU_ASSERT_EQUAL_FATAL(points->len, ticks);
	for (unsigned i = 0; i < ticks; i++) {
		CU_ASSERT_EQUAL(point_at(points, i)->time_ms, START_MS + i * step_ms);
		CU_ASSERT_EQUAL(point_at(points, i)->mean, usage_at(i));
	}
}

static void test_round_trip(void)
{
	g_autofree char *path = file_named("trip.db");
	struct store *store = begin(path, NULL);
	struct store_stats stats;
	struct stat st;

	for (unsigned i = 0; i < 700; i++)
		offer(store, 3, i, 1000);
	store_flush(store);
	store_stats(store, &stats);
	CU_ASSERT_EQUAL(stats.ticks, 700);
	CU_ASSERT_EQUAL(stats.ticks_dropped, 0);
	CU_ASSERT(stats.open && stats.failures == 0);
	check_all_points(path, 700, 1000);
	store_free(store);
	check_all_points(path, 700, 1000);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	/* And after another start, whose first tick closes the windows left open. */
	store = begin(path, NULL);
	for (unsigned i = 700; i < 1300; i++)
		offer(store, 3, i, 1000);
	store_free(store);
	check_all_points(path, 1300, 1000);
}

/* Counters in nanoseconds are exact to the microsecond, whole numbers exactly. */
static void test_counters(void)
{
	g_autofree char *path = file_named("trip.db");
	g_autoptr(GArray) ready =
		query(path, "vm-0001", "vm.cpu.ready_seconds_total", 0, G_MAXINT64 / 4, 0);
	g_autoptr(GArray) up = query(path, "vm-0001", "vm.up", 0, G_MAXINT64 / 4, 0);
	struct kvmlens_snapshot *s = snapshot_at(3, 500, 0, 0);
	const struct snap_vm *vm = entities_at(&s->vms, 1);

	CU_ASSERT_EQUAL_FATAL(ready->len, 1300);
	CU_ASSERT_DOUBLE_EQUAL(point_at(ready, 500)->mean, vm->time.ready / 1e9, 1e-6);
	CU_ASSERT_EQUAL(point_at(up, 500)->mean, 1);
	kvmlens_snapshot_unref(s);
}

/* Each step's minimum, mean and maximum, over blocks, rollups of both kinds and head rows. */
static void check_steps(const char *path, unsigned ticks, gint64 tick_ms, gint64 step_ms)
{
	g_autoptr(GArray) points =
		query(path, "vm-0000", "vm.cpu.usage", 0, G_MAXINT64 / 4, step_ms);
	unsigned tick = 0;

	for (guint i = 0; i < points->len; i++) {
		const struct store_point *p = point_at(points, i);
		double min = INFINITY, max = -INFINITY, sum = 0, n = 0;

		for (; tick < ticks && START_MS + tick * tick_ms < p->time_ms + step_ms; tick++) {
			min = fmin(min, usage_at(tick));
			max = fmax(max, usage_at(tick));
			sum += usage_at(tick);
			n++;
		}
		CU_ASSERT_EQUAL(p->count, n);
		CU_ASSERT_EQUAL(p->min, min);
		CU_ASSERT_EQUAL(p->max, max);
		CU_ASSERT_DOUBLE_EQUAL(p->mean, sum / n, 1e-5);
	}
	CU_ASSERT_EQUAL(tick, ticks);
}

static void test_steps(void)
{
	g_autofree char *path = file_named("steps.db");
	struct store *store = begin(path, NULL);

	for (unsigned i = 0; i < 1000; i++)
		offer(store, 2, i, 10000); /* 2 h 46 min */
	store_free(store);
	check_all_points(path, 1000, 10000);
	check_steps(path, 1000, 10000, 60000);
	check_steps(path, 1000, 10000, 300000);
	check_steps(path, 1000, 10000, 900000);
	check_steps(path, 1000, 10000, 3600000);
	/* Steps that no rollup fits into. */
	check_steps(path, 1000, 10000, 420000);
	check_steps(path, 1000, 10000, 720000);
	check_steps(path, 1000, 10000, 5400000);
	check_steps(path, 1000, 10000, 6000000);
	check_steps(path, 1000, 10000, 4000000);
}

#define BEGAN 1789012345.678 /* seconds since the epoch */

/* A moment is kept to the millisecond, raw, in rollups of 5 minutes and of an hour. */
static void test_times(void)
{
	static const gint64 steps[] = {0, 60000, 300000, 3600000};
	g_autofree char *path = file_named("times.db");
	struct store *store = begin(path, NULL);

	for (unsigned i = 0; i < 800; i++) {
		struct fake_spec spec = {.vms = 1,
					 .vcpus = 1,
					 .level = KVMLENS_DETAILED,
					 .tick = i,
					 .everything = true};
		struct kvmlens_snapshot *s = fake_snapshot(&spec);
		struct snap_vm *vm = entities_at(&s->vms, 0);

		s->wall_ms = START_MS + i * 10000;
		for (size_t e = 0; e < vm->stall_events.n; e++)
			((struct snap_stall_event *)entities_at(&vm->stall_events, e))->began =
				BEGAN;
		hand_over(store, s);
	}
	store_free(store);
	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
		struct store_reader *reader = NULL;
		g_autoptr(GPtrArray) series = NULL;
		g_autoptr(GArray) points = NULL;

		CU_ASSERT_EQUAL_FATAL(store_reader_open(path, &reader), 0);
		CU_ASSERT_EQUAL(
			store_find(reader, "vm-0000", "vm.stall.event.began", NULL, &series), 0);
		CU_ASSERT_FATAL(series->len > 0);
		CU_ASSERT_EQUAL(
			store_query(reader, series->pdata[0], 0, G_MAXINT64 / 4, steps[i], &points),
			0);
		CU_ASSERT(points->len >= 3);
		for (guint k = 0; k < points->len; k++) {
			CU_ASSERT_DOUBLE_EQUAL(point_at(points, k)->min, BEGAN, 1e-3);
			CU_ASSERT_DOUBLE_EQUAL(point_at(points, k)->mean, BEGAN, 1e-3);
			CU_ASSERT_DOUBLE_EQUAL(point_at(points, k)->max, BEGAN, 1e-3);
		}
		store_reader_close(reader);
	}
}

/* The bytes that a process holds locked of a file, as the kernel says; -1: none. */
static long locks_held(const char *path)
{
	g_autofree char *text = NULL, *mark = NULL;
	struct stat st;
	long n = 0;

	CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
	CU_ASSERT_FATAL(g_file_get_contents("/proc/locks", &text, NULL, NULL));
	mark = g_strdup_printf(" %d %02x:%02x:%lu ", getpid(), major(st.st_dev), minor(st.st_dev),
			       (unsigned long)st.st_ino);
	for (const char *p = text; (p = strstr(p, mark)); p++)
		n++;
	return n ? n : -1;
}

/*
 * A connection that is opened, used and closed beside the writer's takes no lock from it, and
 * whoever writes beside it leaves its log alone: /proc/locks is the oracle.
 */
static void test_locks(void)
{
	g_autofree char *path = file_named("locks.db"), *log = g_strconcat(path, "-wal", NULL);

	for (unsigned run = 0; run < 10; run++) {
		sqlite3 *early = NULL, *beside = NULL;
		struct store *store;
		struct stat before, after;

		/* As alerts and trends that are restored while the file is opened. */
		if (run)
			CU_ASSERT_EQUAL(store_db_open_reader(path, &early), 0);
		if (early)
			store_db_number(early, "SELECT count(*) FROM vm", 0);
		store = begin(path, NULL);
		offer(store, 2, run, 10000);
		store_flush(store);
		store_db_close(early);
		CU_ASSERT(locks_held(path) > 0);
		CU_ASSERT_EQUAL_FATAL(stat(log, &before), 0);
		CU_ASSERT_EQUAL(store_db_open_beside(path, &beside), 0);
		CU_ASSERT_EQUAL(store_db_exec(beside, "UPDATE vm SET name = name"), 0);
		store_db_close(beside);
		CU_ASSERT_EQUAL_FATAL(stat(log, &after), 0);
		CU_ASSERT_EQUAL(before.st_ino, after.st_ino);
		CU_ASSERT(locks_held(path) > 0);
		store_free(store);
		/* All is in the one file. */
		CU_ASSERT(stat(log, &after) != 0);
	}
	check_all_points(path, 10, 10000);
}

/* Run a shell command with $p standing for the path. */
static void run_shell(const char *command, const char *path)
{
	g_autofree char *quoted = g_shell_quote(path);
	g_autofree char *line = g_strdup_printf("p=%s; %s", quoted, command);

	CU_ASSERT_EQUAL(system(line), 0);
}

/* Whatever is removed or moved under the store, it notices, and what came before is still there. */
static void test_replaced(void)
{
	static const char *const harm[] = {
		"rm $p-wal $p-shm",    "rm $p-wal", "rm $p-shm",
		"rm $p $p-wal $p-shm", "rm $p",	    "mv $p $p.away",
	};

	for (size_t h = 0; h < G_N_ELEMENTS(harm); h++) {
		g_autofree char *name = g_strdup_printf("replaced-%zu.db", h);
		g_autofree char *path = file_named(name);
		struct store *store = begin(path, NULL);
		struct store_stats stats;
		sqlite3 *other = NULL;

		for (unsigned i = 0; i < 50; i++)
			offer(store, 2, i, 10000);
		store_flush(store);
		/* A connection that lives as long as the agent, as that of the silences. */
		CU_ASSERT_EQUAL(store_db_open_reader(path, &other), 0);
		store_db_number(other, "SELECT count(*) FROM vm", 0);
		run_shell(harm[h], path);
		offer(store, 2, 50, 10000);
		store_flush(store);
		store_stats(store, &stats);
		CU_ASSERT_EQUAL(stats.replaced, 1);
		CU_ASSERT_PTR_NOT_NULL(strstr(stats.note, "under the running agent"));
		store_db_close(other); /* once it is noticed */
		for (unsigned i = 51; i < 100; i++)
			offer(store, 2, i, 10000);
		store_flush(store);
		store_stats(store, &stats);
		CU_ASSERT(stats.open);
		CU_ASSERT_EQUAL(stats.replaced, 1);
		CU_ASSERT(stats.ticks >= 99);
		CU_ASSERT(locks_held(path) > 0);
		store_free(store);
		{
			g_autoptr(GArray) points =
				query(path, "vm-0000", "vm.cpu.usage", 0, G_MAXINT64 / 4, 0);

			CU_ASSERT_EQUAL(points->len, stats.ticks);
			CU_ASSERT_EQUAL(point_at(points, 0)->mean, usage_at(0));
			if (points->len != stats.ticks)
				printf(" [%s: %u of %lu] ", harm[h], points->len, stats.ticks);
		}
		run_shell("test \"$(sqlite3 $p 'PRAGMA integrity_check')\" = ok", path);
	}
}

/* Another database is moved in the place of the one that is open. */
static void test_other_file(void)
{
	g_autofree char *path = file_named("place.db"), *other = file_named("other.db");
	struct store *store = begin(other, NULL);
	struct store_stats stats;

	for (unsigned i = 0; i < 50; i++)
		offer(store, 2, i, 10000);
	store_free(store);
	store = begin(path, NULL);
	for (unsigned i = 50; i < 60; i++)
		offer(store, 2, i, 10000);
	store_flush(store);
	CU_ASSERT_EQUAL(rename(other, path), 0);
	for (unsigned i = 50; i < 100; i++)
		offer(store, 2, i, 10000);
	store_flush(store);
	store_stats(store, &stats);
	CU_ASSERT_EQUAL(stats.replaced, 1);
	store_free(store);
	check_all_points(path, 100, 10000);
	run_shell("test \"$(sqlite3 $p 'PRAGMA integrity_check')\" = ok", path);
}

/* A file of the former format is migrated, with every value; it was made by release 0.1. */
static void test_former(void)
{
	g_autofree char *path = file_named("former.db");
	g_autofree char *from =
		g_build_filename(g_getenv("TOP") ?: ".", "tests/data/store/former.db.gz", NULL);
	g_autofree char *line = g_strdup_printf("gzip -dc '%s' >'%s'", from, path);
	g_autoptr(GArray) ready = NULL, host = NULL;
	struct kvmlens_snapshot *s = snapshot_at(2, 300, 0, 0);
	const struct snap_vm *vm = entities_at(&s->vms, 1);
	struct store *store;

	CU_ASSERT_EQUAL_FATAL(system(line), 0);
	store = begin(path, NULL);
	for (unsigned i = 450; i < 800; i++)
		offer(store, 2, i, 10000);
	store_free(store);
	check_all_points(path, 800, 10000);
	check_steps(path, 800, 10000, 300000);
	check_steps(path, 800, 10000, 3600000);
	ready = query(path, "vm-0001", "vm.cpu.ready_seconds_total", 0, G_MAXINT64 / 4, 0);
	CU_ASSERT_EQUAL_FATAL(ready->len, 800);
	CU_ASSERT_DOUBLE_EQUAL(point_at(ready, 300)->mean, vm->time.ready / 1e9, 1e-6);
	host = query(path, "", "host.vcpus", 0, G_MAXINT64 / 4, 0);
	CU_ASSERT_EQUAL(host->len, 800);
	kvmlens_snapshot_unref(s);
}

/* Starts add no layout, also where a value comes later than at the first start. */
static void test_restarts(void)
{
	g_autofree char *path = file_named("restarts.db");
	sqlite3 *db = NULL;

	for (unsigned run = 0; run < 12; run++) {
		struct store *store = begin(path, NULL);

		for (unsigned i = 0; i < 10; i++) {
			struct kvmlens_snapshot *s =
				snapshot_at(2, run * 10 + i, START_MS + (run * 10 + i) * 10000,
					    usage_at(run * 10 + i));

			if (i < run % 3)
				((struct snap_vm *)entities_at(&s->vms, 1))->rate.usage = NAN;
			hand_over(store, s);
		}
		store_free(store);
	}
	check_all_points(path, 120, 10000);
	CU_ASSERT_EQUAL(store_db_open_reader(path, &db), 0);
	CU_ASSERT_EQUAL(store_db_number(db, "SELECT count(*) FROM layout", -1), 3);
	store_db_close(db);
}

static char *name_of_guest(unsigned number)
{
	return g_strdup_printf("job-%06u", number);
}

/* VM 0 lives, and beside it there is at any time one of many that live for a minute each. */
static void offer_churn(struct store *store, unsigned tick, unsigned life, double *values)
{
	struct kvmlens_snapshot *s = snapshot_at(2, tick, START_MS + tick * 10000, usage_at(tick));
	struct snap_vm *vm = entities_at(&s->vms, 1);
	g_autofree char *name = name_of_guest(tick / life);
	g_autofree char *uuid = g_strdup_printf("00000000-0000-4000-9000-%012u", tick / life);
	const struct kvmlens_tag tags[] = {{"vm", name}, {"uuid", uuid}};

	labels_unref(vm->labels);
	vm->labels = labels_new(NULL, tags, 2);
	metric_walk(s, NULL, count_value, values);
	hand_over(store, s);
}

/*
 * At the limit VMs that are gone leave, the longest gone first; the one that lives keeps every
 * value, and bytes a value stay few.
 */
static void test_churn(void)
{
	g_autofree char *path = file_named("churn.db");
	struct retention retention = {.raw_s = 30 * 86400, .max_bytes = 1 << 19};
	struct store *store = begin(path, &retention);
	const unsigned ticks = 6 * 800;
	struct store_stats stats;
	double values = 0;
	sqlite3 *db = NULL;

	for (unsigned i = 0; i < ticks; i++)
		offer_churn(store, i, 6, &values);
	store_flush(store);
	store_stats(store, &stats);
	store_free(store);
	printf(" [%.2f bytes a value, %lu VMs dropped] ", (double)stats.bytes / values,
	       stats.gone_vms);
	CU_ASSERT(stats.gone_vms > 0);
	CU_ASSERT_EQUAL(stats.squeezed, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(stats.dropped, "VMs that are gone left it"));
	check_all_points(path, ticks, 10000);
	CU_ASSERT_EQUAL(store_db_open_reader(path, &db), 0);
	CU_ASSERT_EQUAL(store_db_number(db, "SELECT count(*) FROM vm WHERE name = 'job-000000'", 0),
			0);
	CU_ASSERT_EQUAL(store_db_number(db, "SELECT count(*) FROM vm WHERE name = 'job-000799'", 0),
			1);
	store_db_close(db);
}

static void test_find(void)
{
	g_autofree char *path = file_named("steps.db");
	struct store_reader *reader = NULL;
	g_autoptr(GPtrArray) all = NULL, host = NULL, uuid = NULL, vcpu = NULL;

	CU_ASSERT_EQUAL(store_reader_open("/nowhere/x.db", &reader), -ENOENT);
	CU_ASSERT_EQUAL_FATAL(store_reader_open(path, &reader), 0);
	CU_ASSERT_EQUAL(store_find(reader, "vm-*", "vm.cpu.usage", NULL, &all), 0);
	CU_ASSERT_EQUAL(all->len, 2);
	CU_ASSERT_EQUAL(store_list(reader, "", &host), 0);
	CU_ASSERT(host->len > 3);
	CU_ASSERT_EQUAL(store_find(reader, "00000000-0000-4000-8000-000000000001", "vm.cpu.usage",
				   NULL, &uuid),
			0);
	CU_ASSERT_EQUAL(uuid->len, 1);
	CU_ASSERT_STRING_EQUAL(((struct store_series *)g_ptr_array_index(uuid, 0))->vm, "vm-0001");
	store_reader_close(reader);
}

/* VMs come and go, and a value that is absent now and then changes no layout. */
static void test_changes(void)
{
	g_autofree char *path = file_named("changes.db");
	struct store *store = begin(path, NULL);
	sqlite3 *db = NULL;
	g_autoptr(GArray) second = NULL;

	for (unsigned i = 0; i < 60; i++) {
		unsigned vms = i >= 20 && i < 40 ? 2 : 1;
		struct kvmlens_snapshot *s = snapshot_at(vms, i, START_MS + i * 10000, 1);

		if (i % 3)
			((struct snap_vm *)entities_at(&s->vms, 0))->rate.wake_p99_ms = NAN;
		hand_over(store, s);
	}
	store_free(store);
	second = query(path, "vm-0001", "vm.cpu.usage", 0, G_MAXINT64 / 4, 0);
	CU_ASSERT_EQUAL(second->len, 20);
	CU_ASSERT_EQUAL(store_db_open_reader(path, &db), 0);
	/* One for the host, one for each VM. */
	CU_ASSERT_EQUAL(store_db_number(db, "SELECT count(*) FROM layout", -1), 3);
	store_db_close(db);
}

static void test_retention(void)
{
	g_autofree char *path = file_named("old.db");
	struct retention retention = {.raw_s = 1800, .rollup_s = 7200, .max_bytes = 1 << 30};
	struct store *store = begin(path, &retention);
	g_autoptr(GArray) points = NULL;
	sqlite3 *db = NULL;
	struct store_stats stats;

	for (unsigned i = 0; i < 2160; i++) /* 6 h */
		offer(store, 2, i, 10000);
	store_flush(store);
	store_stats(store, &stats);
	CU_ASSERT(stats.aged > 0 && stats.failures == 0);
	store_free(store);
	CU_ASSERT_EQUAL(store_db_open_reader(path, &db), 0);
	CU_ASSERT(store_db_number(db, "SELECT min(first_ms) FROM block", 0) >=
		  START_MS + 2160 * 10000 - (1800 + 600) * 1000);
	CU_ASSERT(store_db_number(db, "SELECT min(first_s) FROM rollup", 0) >=
		  START_MS / 1000 + 21600 - 7200 - 3600 - 600);
	store_db_close(db);
	/* Rollups answer where raw values are gone. */
	points = query(path, "vm-0000", "vm.cpu.usage", 0, G_MAXINT64 / 4, 0);
	CU_ASSERT(points->len > 180 && point_at(points, 0)->count == 30);
}

static void test_size(void)
{
	g_autofree char *path = file_named("large.db");
	/* The head rows of one window and half a megabyte. */
	struct retention retention = {.max_bytes = 3 << 20};
	struct noise noise = {.state = 7};
	struct store *store = begin(path, &retention);
	struct store_stats stats;
	struct stat st;
	guint64 most = 0;

	for (unsigned i = 0; i < 2000; i++) {
		struct kvmlens_snapshot *s = snapshot_at(90, i, START_MS + i * 10000, usage_at(i));

		/* Values that do not shrink. */
		for (unsigned v = 0; v < 90; v++) {
			struct snap_vm *vm = entities_at(&s->vms, v);

			vm->rate.usage = noise_uniform(&noise);
			vm->rate.ready = noise_uniform(&noise);
			vm->rate.steal = noise_uniform(&noise);
		}
		hand_over(store, s);
		/* The clock is so fast that head rows of several windows would wait. */
		if (i % 30 == 20)
			store_flush(store);
		store_stats(store, &stats);
		most = MAX(most, stats.bytes);
	}
	store_flush(store);
	store_stats(store, &stats);
	CU_ASSERT(stats.squeezed > 0);
	CU_ASSERT(stats.gone_vms == 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(stats.dropped, ", which has most, lost its values before "));
	printf(" [at most %.2f MiB] ", (double)most / 1048576);
	CU_ASSERT(most < (3 << 20) * 5 / 4);
	store_free(store);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT(st.st_size < (3 << 20) * 5 / 4);
}

static int insert_mark(sqlite3 *db, void *arg)
{
	return store_db_exec(db, arg);
}

static void keep_result(void *arg, int result)
{
	(void)arg;
	CU_ASSERT(result == 0 || result == -EIO);
}

static const char *const first_version[] = {"CREATE TABLE mark (n INTEGER)"};
static const char *const second_version[] = {"CREATE TABLE mark (n INTEGER)",
					     "ALTER TABLE mark ADD COLUMN text TEXT DEFAULT 'x'"};

/* Another component's tables, its jobs, and its migration to a later version and not back. */
static void test_components(void)
{
	g_autofree char *path = file_named("shared.db");
	const struct store_component one = {"mark", first_version, 1};
	const struct store_component two = {"mark", second_version, 2};
	const struct store_component *const list_one[] = {&one}, *const list_two[] = {&two};
	struct store_config config = {.path = path, .components = list_one, .n_components = 1};
	struct store *store = NULL;
	struct store_stats stats;
	sqlite3 *db = NULL;

	CU_ASSERT_EQUAL_FATAL(store_new(&config, &store), 0);
	CU_ASSERT_EQUAL(store_submit(store, insert_mark, keep_result,
				     (void *)(uintptr_t) "INSERT INTO mark VALUES (7)"),
			0);
	CU_ASSERT_EQUAL(store_submit(store, insert_mark, keep_result,
				     (void *)(uintptr_t) "INSERT INTO nowhere VALUES (7)"),
			0);
	store_flush(store);
	store_stats(store, &stats);
	CU_ASSERT(stats.jobs == 2 && stats.jobs_failed == 1);
	store_free(store);
	config.components = list_two;
	CU_ASSERT_EQUAL_FATAL(store_new(&config, &store), 0);
	store_free(store);
	CU_ASSERT_EQUAL(store_db_open_reader(path, &db), 0);
	CU_ASSERT_EQUAL(store_db_number(db, "SELECT n FROM mark WHERE text = 'x'", -1), 7);
	store_db_close(db);
	config.components = list_one;
	CU_ASSERT_EQUAL_FATAL(store_new(&config, &store), 0);
	offer(store, 1, 0, 1000);
	store_flush(store);
	store_stats(store, &stats);
	CU_ASSERT_EQUAL(stats.error, -EPROTONOSUPPORT);
	CU_ASSERT_EQUAL(stats.ticks_dropped, 1);
	store_free(store);
}

static unsigned count_aside(void)
{
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;
	unsigned n = 0;

	while ((name = g_dir_read_name(dir)))
		n += strstr(name, ".corrupt-") && !g_str_has_suffix(name, "-wal") &&
		     !g_str_has_suffix(name, "-shm");
	g_dir_close(dir);
	return n;
}

/* No database at all, then one with overwritten pages: kept beside a new one that works. */
static void test_damage(void)
{
	g_autofree char *path = file_named("damaged.db");
	g_autofree char *text = NULL;
	unsigned before = count_aside();
	struct store_stats stats;
	struct store *store;
	gsize n;

	g_file_set_contents(path, "this is no database, and never was one\n", -1, NULL);
	for (unsigned round = 0; round < 2; round++) {
		store = begin(path, NULL);
		for (unsigned i = 0; i < 100; i++)
			offer(store, 5, i, 10000);
		store_flush(store);
		store_stats(store, &stats);
		CU_ASSERT_EQUAL(stats.set_aside, 1);
		CU_ASSERT_EQUAL(stats.ticks, 100);
		CU_ASSERT_PTR_NOT_NULL(strstr(stats.note, "is damaged; it was kept as"));
		store_free(store);
		check_all_points(path, 100, 10000);
		CU_ASSERT_EQUAL(count_aside(), before + round + 1);
		CU_ASSERT(g_file_get_contents(path, &text, &n, NULL));
		memset(text + n / 4, 0xa5, n / 2);
		g_file_set_contents(path, text, (gssize)n, NULL);
		g_clear_pointer(&text, g_free);
	}
}

/* Damage that is met only while running. */
static void test_damage_while_running(void)
{
	g_autofree char *path = file_named("running.db");
	struct store *store = begin(path, NULL);
	struct store_stats stats;
	FILE *file;

	for (unsigned i = 0; i < 100; i++)
		offer(store, 5, i, 10000);
	store_flush(store);
	/* The log is newer than what is overwritten here, so it goes too. */
	file = fopen(path, "r+");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	for (unsigned i = 0; i < 400000; i++)
		fputc(0x5a, file);
	fclose(file);
	for (unsigned i = 100; i < 200; i++)
		offer(store, 5, i, 10000);
	store_flush(store);
	store_stats(store, &stats);
	CU_ASSERT(stats.ticks > 100);
	CU_ASSERT(stats.open);
	store_free(store);
}

/* A file system that is full: said, counted, survived, and good again when there is room. */
static void test_full(void)
{
	g_autofree char *path = file_named("full.db");
	struct rlimit was, small = {200 * 1024, RLIM_INFINITY};
	struct store *store = begin(path, NULL);
	struct store_stats stats;

	offer(store, 20, 0, 10000);
	store_flush(store);
	getrlimit(RLIMIT_FSIZE, &was);
	small.rlim_max = was.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	for (unsigned i = 1; i < 100; i++)
		offer(store, 20, i, 10000);
	store_flush(store);
	setrlimit(RLIMIT_FSIZE, &was);
	store_stats(store, &stats);
	CU_ASSERT(stats.ticks_dropped > 0 && stats.failures > 0 && !stats.open);
	CU_ASSERT(stats.error == -ENOSPC || stats.error == -EIO);
	CU_ASSERT_EQUAL(stats.set_aside, 0);
	for (unsigned i = 100; i < 200; i++)
		offer(store, 20, i, 10000);
	store_flush(store);
	store_stats(store, &stats);
	CU_ASSERT(stats.open);
	CU_ASSERT_EQUAL(stats.ticks + stats.ticks_dropped, 200);
	CU_ASSERT(stats.ticks >= 101);
	store_free(store);
}

static void test_no_file(void)
{
	struct store_config config = {.path = "/proc/nowhere/kvmlens.db"};
	struct store *store = NULL;
	struct store_stats stats;

	CU_ASSERT_EQUAL(store_new(&(struct store_config){.path = ""}, &store), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(store_new(&config, &store), 0);
	for (unsigned i = 0; i < 10; i++)
		offer(store, 1, i, 1000);
	store_flush(store);
	store_stats(store, &stats);
	CU_ASSERT(!stats.open && stats.ticks_dropped == 10);
	CU_ASSERT(stats.error < 0);
	store_free(store);
}

static int slow_job(sqlite3 *db, void *arg)
{
	(void)db;
	(void)arg;
	g_usleep(300000);
	return 0;
}

/* A writer that is stuck costs snapshots, which are counted, and never time. */
static void test_queue(void)
{
	g_autofree char *path = file_named("queue.db");
	struct store *store = begin(path, NULL);
	struct store_stats stats;
	unsigned refused = 0;

	store_submit(store, slow_job, NULL, NULL);
	for (unsigned i = 0; i < 100; i++) {
		struct kvmlens_snapshot *s = snapshot_at(1, i, START_MS + i * 1000, 1);

		refused += store_offer(store, s) == -EAGAIN;
		kvmlens_snapshot_unref(s);
	}
	CU_ASSERT(refused >= 100 - STORE_TICKS_MAX);
	store_flush(store);
	store_stats(store, &stats);
	CU_ASSERT_EQUAL(stats.ticks, 100 - refused);
	CU_ASSERT_EQUAL(stats.ticks_dropped, refused);
	store_free(store);
}

static void remove_all(void)
{
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path = file_named(name);

		g_unlink(path);
	}
	g_dir_close(dir);
	g_rmdir(folder);
	g_free(folder);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"columns there and back", test_codec},
		{"damaged columns", test_codec_refuses},
		{"rounding", test_round},
		{"rollups", test_rollup},
		{"what went in comes out", test_round_trip},
		{"counters", test_counters},
		{"steps", test_steps},
		{"finding series", test_find},
		{"times", test_times},
		{"locks", test_locks},
		{"files that are removed", test_replaced},
		{"another file", test_other_file},
		{"a file of the former format", test_former},
		{"restarts", test_restarts},
		{"churn", test_churn},
		{"VMs come and go", test_changes},
		{"retention by age", test_retention},
		{"retention by size", test_size},
		{"other components", test_components},
		{"a damaged file", test_damage},
		{"damage while running", test_damage_while_running},
		{"no room", test_full},
		{"no file", test_no_file},
		{"a full queue", test_queue},
		CU_TEST_INFO_NULL,
	};
	int result;

	folder = g_dir_make_tmp("kvmlens-store-XXXXXX", NULL);
	result = suite_run("store", tests);
	remove_all();
	return result;
}
