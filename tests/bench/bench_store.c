/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store beside plain rows in SQLite and beside RRDtool, in one run: bytes a value on disk, CPU
 * of the writer, time of a query. VMs are made up: loads that come in bursts, counters that are
 * their integrals, noise as it is measured. Prints rows; a simulated clock.
 * bench_store [VMS [SECONDS]]
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
#include "metric/metric.h"
#include "store/columns.h"
#include "store/query.h"
#include "store/store.h"
#include "unit/bench_data.h"
#include "unit/fake_snapshot.h"

#define START_MS 1700000100000
#define SECOND_NS 1e9

/* One VM's load. */
struct load {
	double level, target;
};

struct world {
	struct kvmlens_snapshot *snapshot;
	struct load *load;
	struct noise noise;
};

static double jitter(struct world *w, double value, double part)
{
	return fmax(value * (1 + part * noise_gauss(&w->noise)), 0);
}

static void step_load(struct world *w, struct load *load)
{
	if (noise_uniform(&w->noise) < 0.01)
		load->target = pow(noise_uniform(&w->noise), 3) * 95;
	load->level += 0.3 * (load->target - load->level);
}

static uint64_t count(struct world *w, double a_second)
{
	/* Poisson, as a normal. */
	return (uint64_t)fmax(a_second + sqrt(a_second) * noise_gauss(&w->noise), 0);
}

static void step_rates(struct world *w, double level, struct cpu_rates *r)
{
	r->usage = fmin(jitter(w, level + 0.3, 0.03), 100);
	r->ready = jitter(w, level * 0.03, 0.4);
	r->steal = r->ready * noise_uniform(&w->noise);
	r->wake = r->ready - r->steal;
	r->guest = r->usage * 0.93;
	r->hypervisor = r->usage - r->guest;
	r->halted = fmax(100 - r->usage - r->ready, 0);
	r->switches = jitter(w, 100 + 20 * level, 0.1);
	r->preempts = jitter(w, level, 0.3);
	r->migrations = jitter(w, 0.1 * level, 0.5);
	r->exits = jitter(w, 500 + 100 * level, 0.1);
	r->wake_p50_ms = 0.01 * (1 << (unsigned)(3 * noise_uniform(&w->noise)));
	r->wake_p99_ms = 0.1 * (1 << (unsigned)(4 * noise_uniform(&w->noise)));
}

static void step_times(const struct cpu_rates *r, struct cpu_times *t)
{
	const double a_percent = SECOND_NS / 100;

	t->run += (uint64_t)(r->usage * a_percent);
	t->guest += (uint64_t)(r->guest * a_percent);
	t->hypervisor += (uint64_t)(r->hypervisor * a_percent);
	t->ready += (uint64_t)(r->ready * a_percent);
	t->steal += (uint64_t)(r->steal * a_percent);
	t->wake += (uint64_t)(r->wake * a_percent);
	t->halted += (uint64_t)(r->halted * a_percent);
}

static void step_kvm(struct world *w, double level, uint64_t *kvm)
{
	for (unsigned i = 0; i < KVM_STAT_MAX; i++)
		if (kvm[i] != KVM_ABSENT && i % 3)
			kvm[i] += count(w, level * (double)(i % 7) * 10);
}

static void step_vm(struct world *w, struct snap_vm *vm, struct load *load)
{
	struct snap_vcpu *vcpu = entities_at(&vm->cpus, 0);

	step_load(w, load);
	step_rates(w, load->level, &vm->rate);
	step_times(&vm->rate, &vm->time);
	step_kvm(w, load->level, vm->kvm);
	vm->switches += count(w, vm->rate.switches);
	vm->preempts += count(w, vm->rate.preempts);
	vm->migrations += count(w, vm->rate.migrations);
	vcpu->rate = vm->rate;
	vcpu->time = vm->time;
	vcpu->cpu = (uint32_t)(noise_uniform(&w->noise) * 8);
}

static void step_world(struct world *w, gint64 time_ms)
{
	w->snapshot->wall_ms = time_ms + (gint64)(3 * noise_uniform(&w->noise));
	for (size_t i = 0; i < w->snapshot->vms.n; i++)
		step_vm(w, entities_at(&w->snapshot->vms, i), &w->load[i]);
}

static void world_init(struct world *w, unsigned vms)
{
	struct fake_spec spec = {.vms = vms, .vcpus = 1, .level = KVMLENS_DETAILED, .tick = 1};

	*w = (struct world){fake_snapshot(&spec), g_new0(struct load, vms), {.state = 7}};
}

static void world_clear(struct world *w)
{
	kvmlens_snapshot_unref(w->snapshot);
	g_free(w->load);
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
static double time_query(const char *path, double *ret_points)
{
	double best = INFINITY;

	for (unsigned i = 0; i < 5; i++) {
		gint64 begin = g_get_monotonic_time();
		struct store_reader *reader = NULL;
		g_autoptr(GPtrArray) series = NULL;
		g_autoptr(GArray) points = NULL;

		if (store_reader_open(path, &reader) ||
		    store_find(reader, "vm-0001", "vm.cpu.ready_time", NULL, &series) ||
		    !series->len ||
		    store_query(reader, g_ptr_array_index(series, 0), 0, G_MAXINT64 / 4, 0,
				&points))
			exit(1);
		store_reader_close(reader);
		*ret_points = points->len;
		best = fmin(best, (double)(g_get_monotonic_time() - begin) / 1e3);
	}
	return best;
}

static struct result run_store(const char *folder, unsigned vms, unsigned ticks, unsigned step_ms,
			       double *ret_points)
{
	g_autofree char *path = g_build_filename(folder, "store.db", NULL);
	struct store_config config = {.path = path, .retention = {.max_bytes = 1ull << 40}};
	struct store *store;
	struct store_stats stats;
	struct result r = {0};
	struct world w;

	if (store_new(&config, &store))
		exit(1);
	world_init(&w, vms);
	for (unsigned i = 0; i < ticks; i++) {
		step_world(&w, START_MS + (gint64)i * step_ms);
		metric_walk(w.snapshot, NULL, count_value, &r.values);
		store_offer(store, w.snapshot);
		store_flush(store);
	}
	store_stats(store, &stats);
	if (stats.ticks != ticks || stats.failures)
		exit(1);
	r.writer_s = (double)stats.writer_ns / 1e9;
	store_free(store);
	r.bytes = bytes_of(path);
	r.query_ms = time_query(path, ret_points);
	world_clear(&w);
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
static struct result run_plain(const char *folder, unsigned vms, unsigned ticks)
{
	g_autofree char *path = g_build_filename(folder, "plain.db", NULL);
	struct result r = {0};
	struct plain p = {0};
	struct world w;
	sqlite3 *db = NULL;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    store_db_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
			      "CREATE TABLE sample (series INTEGER, time INTEGER, value REAL,"
			      " PRIMARY KEY (series, time)) WITHOUT ROWID"))
		exit(1);
	p.put = store_db_prepare(db, "INSERT OR IGNORE INTO sample VALUES (?, ?, ?)", NULL);
	world_init(&w, vms);
	for (unsigned i = 0; i < ticks; i++) {
		double before;

		step_world(&w, START_MS + (gint64)i * 1000);
		p.time_ms = w.snapshot->wall_ms;
		p.series = 0;
		before = cpu_seconds(RUSAGE_THREAD);
		store_db_exec(db, "BEGIN");
		metric_walk(w.snapshot, NULL, put_plain, &p);
		store_db_exec(db, "COMMIT");
		r.writer_s += cpu_seconds(RUSAGE_THREAD) - before;
	}
	sqlite3_finalize(p.put);
	r.query_ms = query_plain(db);
	sqlite3_close(db);
	r.values = p.values;
	r.bytes = bytes_of(path);
	world_clear(&w);
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

static void write_rrd(FILE *rrd, const char *folder, struct world *w, unsigned ticks,
		      double *ret_values)
{
	struct line line = {g_string_new(NULL), 0, entities_at(&w->snapshot->vms, 0)};
	unsigned sources;

	metric_walk(w->snapshot, NULL, append_value, &line);
	sources = (unsigned)line.values;
	for (unsigned v = 0; v < w->snapshot->vms.n; v++)
		create_rrd(rrd, folder, v, sources, ticks);
	for (unsigned i = 0; i < ticks; i++) {
		step_world(w, START_MS + (gint64)i * 1000);
		for (unsigned v = 0; v < w->snapshot->vms.n; v++) {
			g_string_truncate(line.text, 0);
			line.vm = entities_at(&w->snapshot->vms, v);
			metric_walk(w->snapshot, NULL, append_value, &line);
			fprintf(rrd, "update %s/%u.rrd %ld%s\n", folder, v, START_MS / 1000 + i,
				line.text->str);
		}
	}
	*ret_values = (double)sources * (double)w->snapshot->vms.n * ticks;
	g_string_free(line.text, TRUE);
}

/* One file a VM, one update a VM and tick, by RRDtool's own pipe mode. */
static int run_rrd(const char *folder, unsigned vms, unsigned ticks, struct result *ret)
{
	g_autofree char *query =
		g_strdup_printf("rrdtool fetch %s/1.rrd LAST --start %ld --end %ld >/dev/null",
				folder, START_MS / 1000, START_MS / 1000 + ticks);
	double before = cpu_seconds(RUSAGE_CHILDREN);
	struct result r = {0};
	struct world w;
	gint64 begin;
	FILE *rrd;

	if (!g_find_program_in_path("rrdtool"))
		return -ENOENT;
	rrd = popen("rrdtool - >/dev/null", "w");
	if (!rrd)
		return -errno;
	world_init(&w, vms);
	write_rrd(rrd, folder, &w, ticks, &r.values);
	world_clear(&w);
	if (pclose(rrd))
		return -EIO;
	r.writer_s = cpu_seconds(RUSAGE_CHILDREN) - before;
	begin = g_get_monotonic_time();
	if (system(query))
		return -EIO;
	r.query_ms = (double)(g_get_monotonic_time() - begin) / 1e3;
	for (unsigned v = 0; v < vms; v++) {
		g_autofree char *path = g_strdup_printf("%s/%u.rrd", folder, v);

		r.bytes += bytes_of(path);
		g_unlink(path);
	}
	*ret = r;
	return 0;
}

int main(int argc, char **argv)
{
	unsigned vms = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
	unsigned seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 600;
	unsigned few = MIN(vms, 10);
	g_autofree char *folder = g_dir_make_tmp("kvmlens-bench-XXXXXX", NULL);
	struct result r;
	double points;

	printf("%u VMs for %u s, a tick a second:\n", vms, seconds);
	r = run_store(folder, vms, seconds, 1000, &points);
	print("kvmlens store", &r, seconds);
	printf("%u VMs for %u s, a tick a second:\n", few, seconds);
	r = run_store(folder, few, seconds, 1000, &points);
	print("kvmlens store", &r, seconds);
	r = run_plain(folder, few, seconds);
	print("a row a value, SQLite", &r, seconds);
	if (run_rrd(folder, few, seconds, &r))
		printf("rrdtool is not installed, or failed\n");
	else
		print("RRDtool", &r, seconds);
	r = run_store(folder, 2, 86400, 1000, &points);
	printf("2 VMs for a day, a tick a second:\n");
	print("kvmlens store", &r, 86400);
	printf("%.0f points of one series in %.1f ms\n", points, r.query_ms);
	g_rmdir(folder);
	return r.query_ms > 500;
}
