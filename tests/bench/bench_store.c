/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store beside plain rows in SQLite and beside RRDtool, in one run: bytes a value on disk, CPU
 * of the writer, time of a query. VMs play back what real guests did, each from another place on.
 * Prints rows; a simulated clock. bench_store [VMS [SECONDS [DAY [CHURN]]]], DAY in seconds
 *
 * CHURN short-lived VMs, each there for a minute, pass beside one that stays: with a size limit of
 * half of what all takes, the history of that one stays whole, and a value costs less than
 * CHURN_BYTES.
 */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench/recorded.h"
#include "metric/metric.h"
#include "store/columns.h"
#include "store/query.h"
#include "store/store.h"

#define START_MS 1700000100000
#define JITTER_MS 3 /* of ticks */
#define CHURN_BYTES 4.0
#define COHORTS 10 /* of VMs that begin and end together */
#define COHORT_VMS 6
#define LIFE_TICKS 60

struct bench {
	char *folder;
	struct recorded *recorded;
};

/* Ticks are a second apart, but never quite. */
static gint64 time_of(unsigned tick)
{
	return START_MS + (gint64)tick * 1000 + tick * 7919u % JITTER_MS;
}

static double cpu_seconds(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double bytes_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (double)st.st_size;
}

struct result {
	double values, bytes, writer_s, query_ms;
};

static void print(const char *name, const struct result *r, double seconds)
{
	printf("%-22s %9.0f values %7.2f bytes each  writer %6.3f %% of a core  query %7.2f ms\n",
	       name, r->values, r->bytes / r->values, 100 * r->writer_s / seconds, r->query_ms);
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

/* Wall time of reading one series as a whole, the best of five. */
static double time_query_of(const char *path, const char *vm, double *ret_points)
{
	double best = INFINITY;

	for (unsigned i = 0; i < 5; i++) {
		gint64 begin = g_get_monotonic_time();
		struct store_reader *reader = NULL;
		g_autoptr(GPtrArray) series = NULL;
		g_autoptr(GArray) points = NULL;

		if (store_reader_open(path, &reader) ||
		    store_find(reader, vm, "vm.cpu.ready_time", NULL, &series) || !series->len ||
		    store_query(reader, g_ptr_array_index(series, 0), 0, G_MAXINT64 / 4, 0,
				&points))
			exit(1);
		store_reader_close(reader);
		*ret_points = points->len;
		best = fmin(best, (double)(g_get_monotonic_time() - begin) / 1e3);
	}
	return best;
}

static double time_query(const char *path, double *ret_points)
{
	return time_query_of(path, "vm-0001", ret_points);
}

static struct result run_store(const struct bench *b, unsigned vms, unsigned ticks,
			       double *ret_points)
{
	g_autofree char *path = g_build_filename(b->folder, "store.db", NULL);
	struct store_config config = {.path = path, .retention = {.max_bytes = 1ull << 40}};
	struct store *store;
	struct store_stats stats;
	struct playback *playback = playback_new(b->recorded, vms);
	struct result r = {0};

	if (store_new(&config, &store))
		exit(1);
	for (unsigned i = 0; i < ticks; i++) {
		struct kvmlens_snapshot *snapshot = playback_step(playback, time_of(i));

		metric_walk(snapshot, NULL, count_value, &r.values);
		store_offer(store, snapshot);
		store_flush(store);
	}
	store_stats(store, &stats);
	if (stats.ticks != ticks || stats.failures)
		exit(1);
	r.writer_s = (double)stats.writer_ns / 1e9;
	store_free(store);
	r.bytes = bytes_of(path);
	r.query_ms = time_query(path, ret_points);
	playback_free(playback);
	g_unlink(path);
	return r;
}

/* One that stays, and cohorts of which each is another one after a minute. */
struct churn {
	const struct recorded *recorded;
	struct playback *frame, *stays, *cohorts[COHORTS];
	unsigned born; /* VMs so far, with the one that stays */
};

static void churn_init(struct churn *c, const struct recorded *recorded)
{
	*c = (struct churn){.recorded = recorded,
			    .frame = playback_new(recorded, 1 + COHORTS * COHORT_VMS),
			    .stays = playback_new(recorded, 1),
			    .born = 1};
}

static void churn_clear(struct churn *c)
{
	playback_free(c->frame);
	playback_free(c->stays);
	for (unsigned i = 0; i < COHORTS; i++)
		if (c->cohorts[i])
			playback_free(c->cohorts[i]);
}

static void churn_renew(struct churn *c, unsigned cohort)
{
	if (c->cohorts[cohort])
		playback_free(c->cohorts[cohort]);
	c->cohorts[cohort] = playback_new_from(c->recorded, c->born, COHORT_VMS);
	c->born += COHORT_VMS;
}

/* The frame's VMs lend their places for as long as the store looks at them. */
static void churn_offer(struct churn *c, unsigned tick, struct store *store, double *values)
{
	struct kvmlens_snapshot *all = playback_step(c->frame, time_of(tick)), *part;
	struct snap_vm *vms = entities_at(&all->vms, 0);
	g_autofree struct snap_vm *own = g_memdup2(vms, all->vms.n * sizeof(*vms));
	size_t n = all->vms.n, at = 1;

	part = playback_step(c->stays, time_of(tick));
	vms[0] = *(struct snap_vm *)entities_at(&part->vms, 0);
	for (unsigned i = 0; i < COHORTS; i++) {
		if (!c->cohorts[i])
			continue;
		part = playback_step(c->cohorts[i], time_of(tick));
		for (size_t v = 0; v < part->vms.n; v++)
			vms[at++] = *(struct snap_vm *)entities_at(&part->vms, v);
	}
	all->vms.n = at;
	metric_walk(all, NULL, count_value, values);
	store_offer(store, all);
	store_flush(store);
	memcpy(vms, own, n * sizeof(*vms));
	all->vms.n = n;
}

static struct result run_churn(const struct bench *b, unsigned vms, guint64 max_bytes,
			       double *ret_points, unsigned *ret_ticks,
			       struct store_stats *ret_stats)
{
	g_autofree char *path = g_build_filename(b->folder, "churn.db", NULL);
	struct store_config config = {.path = path, .retention = {.max_bytes = max_bytes}};
	struct result r = {0};
	struct store *store;
	unsigned ticks = 0;
	struct churn churn;

	churn_init(&churn, b->recorded);
	if (store_new(&config, &store))
		exit(1);
	for (; churn.born <= vms; ticks++) {
		if (ticks % (LIFE_TICKS / COHORTS) == 0)
			churn_renew(&churn, ticks / (LIFE_TICKS / COHORTS) % COHORTS);
		churn_offer(&churn, ticks, store, &r.values);
	}
	store_stats(store, ret_stats);
	if (ret_stats->ticks != ticks || ret_stats->failures)
		exit(1);
	r.writer_s = (double)ret_stats->writer_ns / 1e9;
	store_free(store);
	r.bytes = bytes_of(path);
	r.query_ms = time_query_of(path, "vm-0000", ret_points);
	*ret_ticks = ticks;
	churn_clear(&churn);
	g_unlink(path);
	return r;
}

struct plain {
	sqlite3_stmt *put;
	double values;
	gint64 time_ms, series;
};

static int put_plain(void *arg, const struct metric *metric, const struct snap_vm *vm,
		     const struct labels *labels, const struct metric_value *value)
{
	struct plain *p = arg;

	(void)vm;
	(void)labels;
	if (metric->type == TYPE_HIST)
		return 0;
	sqlite3_bind_int64(p->put, 1, p->series++);
	sqlite3_bind_int64(p->put, 2, p->time_ms);
	sqlite3_bind_double(p->put, 3, metric_number(metric, value));
	p->values++;
	return store_db_run(p->put);
}

static double query_plain(sqlite3 *db)
{
	gint64 begin = g_get_monotonic_time();

	store_db_number(db, "SELECT sum(value) FROM sample WHERE series = 5", 0);
	return (double)(g_get_monotonic_time() - begin) / 1e3;
}

/* What one would write first: a row a value, in the order that a query wants. */
static struct result run_plain(const struct bench *b, unsigned vms, unsigned ticks)
{
	g_autofree char *path = g_build_filename(b->folder, "plain.db", NULL);
	struct result r = {0};
	struct plain p = {0};
	struct playback *playback = playback_new(b->recorded, vms);
	sqlite3 *db = NULL;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    store_db_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
			      "CREATE TABLE sample (series INTEGER, time INTEGER, value REAL,"
			      " PRIMARY KEY (series, time)) WITHOUT ROWID"))
		exit(1);
	p.put = store_db_prepare(db, "INSERT OR IGNORE INTO sample VALUES (?, ?, ?)", NULL);
	for (unsigned i = 0; i < ticks; i++) {
		struct kvmlens_snapshot *snapshot = playback_step(playback, time_of(i));
		double before;

		p.time_ms = snapshot->wall_ms;
		p.series = 0;
		before = cpu_seconds(RUSAGE_THREAD);
		store_db_exec(db, "BEGIN");
		metric_walk(snapshot, NULL, put_plain, &p);
		store_db_exec(db, "COMMIT");
		r.writer_s += cpu_seconds(RUSAGE_THREAD) - before;
	}
	sqlite3_finalize(p.put);
	r.query_ms = query_plain(db);
	sqlite3_close(db);
	r.values = p.values;
	r.bytes = bytes_of(path);
	playback_free(playback);
	g_unlink(path);
	return r;
}

struct line {
	GString *text;
	double values;
	const struct snap_vm *vm;
};

static int append_value(void *arg, const struct metric *metric, const struct snap_vm *vm,
			const struct labels *labels, const struct metric_value *value)
{
	struct line *line = arg;

	(void)labels;
	if (metric->type == TYPE_HIST || vm != line->vm)
		return 0;
	g_string_append_printf(line->text, ":%.10g", metric_number(metric, value));
	line->values++;
	return 0;
}

static void create_rrd(FILE *rrd, const char *folder, unsigned v, unsigned sources, unsigned ticks)
{
	fprintf(rrd, "create %s/%u.rrd --start %ld --step 1", folder, v, START_MS / 1000 - 1);
	for (unsigned i = 0; i < sources; i++)
		fprintf(rrd, " DS:v%u:GAUGE:10:U:U", i);
	fprintf(rrd, " RRA:LAST:0.5:1:%u\n", ticks);
}

/* The VM's values as the pieces of an update; returns how many they are. */
static unsigned line_of(struct line *line, const struct kvmlens_snapshot *snapshot, unsigned v)
{
	double before = line->values;

	g_string_truncate(line->text, 0);
	line->vm = entities_at(&snapshot->vms, v);
	metric_walk(snapshot, NULL, append_value, line);
	return (unsigned)(line->values - before);
}

/* A value that is absent later would shift the others: a file has as many as there are at first. */
static void write_rrd(FILE *rrd, const struct bench *b, unsigned vms, unsigned ticks,
		      double *ret_values)
{
	struct playback *playback = playback_new(b->recorded, vms);
	g_autofree unsigned *sources = g_new0(unsigned, vms);
	struct line line = {g_string_new(NULL), 0, NULL};

	for (unsigned i = 0; i < ticks; i++) {
		struct kvmlens_snapshot *snapshot = playback_step(playback, time_of(i));

		for (unsigned v = 0; v < vms; v++) {
			unsigned n = line_of(&line, snapshot, v);

			if (!sources[v])
				create_rrd(rrd, b->folder, v, sources[v] = n, ticks);
			if (n == sources[v])
				*ret_values += n;
			if (n == sources[v])
				fprintf(rrd, "update %s/%u.rrd %ld%s\n", b->folder, v,
					START_MS / 1000 + i, line.text->str);
		}
	}
	g_string_free(line.text, TRUE);
	playback_free(playback);
}

/* One file a VM, one update a VM and tick, by RRDtool's own pipe mode. */
static int run_rrd(const struct bench *b, unsigned vms, unsigned ticks, struct result *ret)
{
	g_autofree char *query =
		g_strdup_printf("rrdtool fetch %s/1.rrd LAST --start %ld --end %ld >/dev/null",
				b->folder, START_MS / 1000, START_MS / 1000 + ticks);
	double before = cpu_seconds(RUSAGE_CHILDREN);
	struct result r = {0};
	gint64 begin;
	FILE *rrd;

	if (!g_find_program_in_path("rrdtool"))
		return -ENOENT;
	rrd = popen("rrdtool - >/dev/null", "w");
	if (!rrd)
		return -errno;
	write_rrd(rrd, b, vms, ticks, &r.values);
	if (pclose(rrd))
		return -EIO;
	r.writer_s = cpu_seconds(RUSAGE_CHILDREN) - before;
	begin = g_get_monotonic_time();
	if (system(query))
		return -EIO;
	r.query_ms = (double)(g_get_monotonic_time() - begin) / 1e3;
	for (unsigned v = 0; v < vms; v++) {
		g_autofree char *path = g_strdup_printf("%s/%u.rrd", b->folder, v);

		r.bytes += bytes_of(path);
		g_unlink(path);
	}
	*ret = r;
	return 0;
}

static void print_title(unsigned vms, unsigned seconds)
{
	printf("%u VMs for %u s, a tick a second:\n", vms, seconds);
}

static unsigned number_of(int argc, char **argv, int i, unsigned otherwise)
{
	return argc > i ? (unsigned)strtoul(argv[i], NULL, 10) : otherwise;
}

/*
 * Without a limit for the bytes a value, and with one for what is dropped. The limit is enforced
 * once a window of five minutes, whose rows are not compressed yet: with so small a limit that
 * window is much of it, and the file may be so much larger.
 */
static bool run_both_churns(const struct bench *b, unsigned vms)
{
	struct store_stats stats;
	double points, limited;
	unsigned ticks;
	struct result r;
	double half;

	printf("%u VMs of %u s beside one that stays, a tick a second:\n", vms, LIFE_TICKS);
	r = run_churn(b, vms, 1ull << 40, &points, &ticks, &stats);
	print("kvmlens store", &r, ticks);
	if (r.bytes / r.values >= CHURN_BYTES || points != ticks)
		return false;
	half = r.bytes / 2;
	r = run_churn(b, vms, (guint64)half, &limited, &ticks, &stats);
	print("at half the size", &r, ticks);
	printf("%.0f of %u points of the one that stays, %" G_GUINT64_FORMAT
	       " VMs that are gone were dropped, %.2f of the limit\n",
	       limited, ticks, stats.gone_vms, r.bytes / half);
	return limited == ticks && stats.gone_vms && r.bytes <= 1.6 * half;
}

static bool run_all(const struct bench *b, unsigned vms, unsigned seconds, unsigned day)
{
	unsigned few = MIN(vms, 10);
	struct result r;
	double points;

	print_title(vms, seconds);
	r = run_store(b, vms, seconds, &points);
	print("kvmlens store", &r, seconds);
	print_title(few, seconds);
	r = run_store(b, few, seconds, &points);
	print("kvmlens store", &r, seconds);
	r = run_plain(b, few, seconds);
	print("a row a value, SQLite", &r, seconds);
	if (run_rrd(b, few, seconds, &r))
		printf("rrdtool is not installed, or failed\n");
	else
		print("RRDtool", &r, seconds);
	print_title(2, day);
	r = run_store(b, 2, day, &points);
	print("kvmlens store", &r, day);
	printf("%.0f points of one series in %.1f ms\n", points, r.query_ms);
	return r.query_ms <= 500;
}

int main(int argc, char **argv)
{
	g_autofree char *data =
		g_build_filename(g_getenv("TOP") ?: ".", "tests/data/recorded", NULL);
	struct bench b = {.folder = g_dir_make_tmp("kvmlens-bench-XXXXXX", NULL)};
	int r = recorded_load(data, &b.recorded);
	bool good;

	if (r) {
		fprintf(stderr, "%s: %s\n", data, g_strerror(-r));
		return 1;
	}
	good = run_all(&b, number_of(argc, argv, 1, 100), number_of(argc, argv, 2, 3600),
		       number_of(argc, argv, 3, 86400)) &&
	       run_both_churns(&b, number_of(argc, argv, 4, 3000));
	g_rmdir(b.folder);
	g_free(b.folder);
	recorded_free(b.recorded);
	return !good;
}
