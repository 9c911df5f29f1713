// SPDX-License-Identifier: Apache-2.0
/* What the store's history says of each VM, in at most ten lines: see the analytics modules. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include "analytics/capacity.h"
#include "analytics/crossvm.h"
#include "analytics/forecast.h"
#include "cli/command.h"
#include "cli/insight_data.h"
#include "util/text.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define FINE_MS 10000 /* for correlation: the last hour */
#define FINE 360
#define FINE_LEAST 60
#define DRIFT 90
#define LAGS 6
#define FORECAST_LEAST 48

struct insights {
	struct cli *cli;
	struct store_reader *reader;
	int64_t now_ms;
	struct grid fine, day, long_past;
	GPtrArray *vms; /* struct store_series of vm.cpu.usage: one a VM */
	struct ranks *load_ranks;
};

static bool say(struct insights *in, const char *topic, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool say(struct insights *in, const char *topic, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	fprintf(in->cli->out, "  %-10s %s\n", topic, text);
	return true;
}

static const struct store_series *vm_at(const struct insights *in, size_t i)
{
	return g_ptr_array_index(in->vms, i);
}

/* The series with the greatest mean since a time, of a metric of this VM; NULL: there is none. */
static char *greatest(struct insights *in, const char *uuid, const char *metric, int64_t since_ms,
		      struct store_point *ret_point)
{
	g_autoptr(GPtrArray) series = NULL;
	const char *labels = NULL;

	ret_point->mean = -INFINITY;
	if (store_find(in->reader, uuid, metric, NULL, &series))
		return NULL;
	for (guint i = 0; i < series->len; i++) {
		const struct store_series *s = g_ptr_array_index(series, i);
		g_autoptr(GArray) points = NULL;

		if (store_query(in->reader, s, since_ms, in->now_ms, 0, &points))
			continue;
		for (guint k = 0; k < points->len; k++) {
			const struct store_point *p = &g_array_index(points, struct store_point, k);

			if (p->max <= ret_point->mean)
				continue;
			*ret_point = *p;
			ret_point->mean = p->max;
			labels = s->labels;
		}
	}
	return labels ? g_strdup(labels) : NULL;
}

static void say_anomaly(struct insights *in, const struct store_series *vm)
{
	struct store_point score = {0}, part;
	g_autofree char *found =
		greatest(in, vm->uuid, "vm.anomaly.score", in->now_ms - HOUR_MS, &score);
	g_autofree char *by = NULL;
	char when[16] = "?";
	time_t t = (time_t)(score.time_ms / 1000);
	struct tm tm;

	if (!found)
		return;
	if (score.mean < 0.6) {
		say(in, "usual",
		    "nothing out of the ordinary in the last hour (score %.2f at most)",
		    score.mean);
		return;
	}
	if (localtime_r(&t, &tm))
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
	by = greatest(in, vm->uuid, "vm.anomaly.contribution", score.time_ms - FINE_MS, &part);
	say(in, "unusual", "score %.2f at %s%s%s", score.mean, when, by ? ", mostly by " : "",
	    by ? by : "");
}

static void say_full(struct insights *in, const struct store_series *vm, const char *metric)
{
	g_autofree double *times = grid_times(&in->day);
	g_autofree double *used = grid_load_one(in->reader, vm->uuid, metric, NULL, &in->day, 24);
	struct growth growth;
	double full;

	if (!used || growth_fit(times, used, in->day.n, 100, &growth))
		return;
	full = growth_time_to_full(&growth, 0.5);
	if (growth.trend.significant && isfinite(full))
		say(in, "full", "%s: %.0f %% now, full in %.1f days; within 3 days with %.0f %%",
		    metric, growth.trend.level, full / 86400,
		    100 * growth_full_within(&growth, 3 * 86400));
}

static void say_trend(struct insights *in, const struct store_series *vm, const char *metric)
{
	g_autofree double *times = grid_times(&in->day);
	g_autofree double *values = grid_load_one(in->reader, vm->uuid, metric, NULL, &in->day, 36);
	struct trend trend;

	if (values && trend_fit(times, values, in->day.n, &trend) == 0 && trend.significant)
		say(in, "trend", "%s: %.4g now, %+.3g an hour over the last day", metric,
		    trend.level, trend.slope * 3600);
}

static void say_forecast(struct insights *in, const struct store_series *vm, const char *metric)
{
	const struct forecast_options options = {{{24, 168}, 2}, 24};
	struct forecast_point points[24], peak;
	g_autofree double *values =
		grid_load_one(in->reader, vm->uuid, metric, NULL, &in->long_past, FORECAST_LEAST);
	size_t first = 0;
	unsigned at = 0;

	/* What lies before the first value is not a gap. */
	while (values && first < in->long_past.n && isnan(values[first]))
		first++;
	if (!values || !forecast_fill(values + first, in->long_past.n - first) ||
	    forecast_run(values + first, in->long_past.n - first, &options, points))
		return;
	for (unsigned h = 1; h < 24; h++)
		if (points[h].mean > points[at].mean)
			at = h;
	peak = points[at];
	say(in, "forecast", "%s: at most %.4g in %u h (95 %%: %.4g to %.4g)", metric, peak.mean,
	    at + 1, peak.low95, peak.high95);
}

static void say_size(struct insights *in, const struct store_series *vm)
{
	const char *uuid = vm->uuid;
	g_autofree double *use = grid_load(in->reader, vm, &in->day, 60);
	g_autofree double *ready =
		grid_load_one(in->reader, uuid, "vm.cpu.ready_time", NULL, &in->day, 60);
	g_autofree double *vcpus =
		grid_load_one(in->reader, uuid, "vm.cpu.vcpus", NULL, &in->day, 1);
	g_autofree double *used =
		grid_load_one(in->reader, uuid, "vm.memory.used", NULL, &in->day, 60);
	g_autofree double *total =
		grid_load_one(in->reader, uuid, "vm.memory.total", NULL, &in->day, 1);
	struct sizing sizing;
	char text[256];

	if (use && vcpus && forecast_fill(vcpus, in->day.n) &&
	    sizing_vcpus((unsigned)vcpus[in->day.n - 1], use, ready, in->day.n, &sizing) == 0) {
		sizing_explain(&sizing, false, text, sizeof(text));
		say(in, "size", "%s", text);
	}
	if (used && total && forecast_fill(total, in->day.n) &&
	    sizing_memory(total[in->day.n - 1], used, in->day.n, &sizing) == 0) {
		sizing_explain(&sizing, true, text, sizeof(text));
		say(in, "size", "%s", text);
	}
}

static void say_culprit(struct insights *in, size_t victim, const struct ranks *pain)
{
	struct crossvm_culprit worst;

	if (crossvm_culprits(pain, victim, in->load_ranks, NULL, in->vms->len, &worst, 1))
		say(in, "neighbour", "it waits for a CPU when %s is busy (rank correlation %.2f)",
		    vm_at(in, worst.vm)->vm, worst.rho);
}

static void say_host(struct insights *in, const struct ranks *pain, const char *metric)
{
	g_autoptr(GPtrArray) host = NULL;
	struct correlation best = {.p = 1};
	const char *name = NULL;

	if (store_list(in->reader, "", &host))
		return;
	for (guint i = 0; i < host->len; i++) {
		const struct store_series *s = g_ptr_array_index(host, i);
		g_autofree double *values = NULL;
		struct correlation c;
		struct ranks ranks;

		if (!g_str_has_prefix(s->metric, "host."))
			continue;
		values = grid_load(in->reader, s, &in->fine, FINE_LEAST);
		if (!values || ranks_init(&ranks, values, in->fine.n, DRIFT))
			continue;
		c = correlate(pain, &ranks, LAGS);
		ranks_clear(&ranks);
		if (c.p * host->len >= CORRELATE_ALPHA || fabs(c.rho) <= fabs(best.rho))
			continue;
		best = c;
		name = s->metric;
	}
	if (name)
		say(in, "because", "%s follows %s by %d s (rank correlation %.2f)", metric, name,
		    best.lag * (FINE_MS / 1000), best.rho);
}

static void say_why(struct insights *in, size_t vm)
{
	static const char *const pains[] = {"vm.cpu.ready_time", "vm.disk.read_latency",
					    "vm.disk.write_latency"};

	for (size_t i = 0; i < G_N_ELEMENTS(pains); i++) {
		g_autofree double *values = grid_load_one(in->reader, vm_at(in, vm)->uuid, pains[i],
							  NULL, &in->fine, FINE_LEAST);
		struct ranks ranks;

		if (!values || ranks_init(&ranks, values, in->fine.n, DRIFT))
			continue;
		say_host(in, &ranks, pains[i]);
		if (i == 0)
			say_culprit(in, vm, &ranks);
		ranks_clear(&ranks);
	}
}

static void say_pair(struct insights *in, size_t vm)
{
	struct correlation best = {.p = 1};
	size_t other = 0;

	for (size_t i = 0; i < in->vms->len; i++) {
		struct correlation c = correlate(&in->load_ranks[vm], &in->load_ranks[i], 2);

		if (i == vm || c.p * in->vms->len >= CORRELATE_ALPHA ||
		    fabs(c.rho) <= fabs(best.rho))
			continue;
		best = c;
		other = i;
	}
	if (best.p < 1)
		say(in, best.rho > 0 ? "like" : "unlike", "its load moves %s %s (%.2f): %s",
		    best.rho > 0 ? "with that of" : "against that of", vm_at(in, other)->vm,
		    best.rho, best.rho > 0 ? "better on different CPUs" : "they fit together");
}

static void tell(struct insights *in, size_t vm)
{
	const struct store_series *s = vm_at(in, vm);

	fprintf(in->cli->out, "%s\n", s->vm);
	say_anomaly(in, s);
	say_full(in, s, "vm.memory.usage_percent");
	say_full(in, s, "vm.disk.usage_percent");
	say_trend(in, s, "vm.cpu.usage");
	say_forecast(in, s, "vm.cpu.usage");
	say_why(in, vm);
	say_pair(in, vm);
	say_size(in, s);
}

static void load_all(struct insights *in)
{
	in->load_ranks = g_new0(struct ranks, in->vms->len + 1);
	for (size_t i = 0; i < in->vms->len; i++) {
		g_autofree double *values =
			grid_load(in->reader, vm_at(in, i), &in->fine, FINE_LEAST);

		if (values && ranks_init(&in->load_ranks[i], values, in->fine.n, DRIFT))
			in->load_ranks[i] = (struct ranks){0};
	}
}

static enum exit_code tell_all(struct insights *in, const char *wanted)
{
	g_autoptr(GPtrArray) asked = NULL;
	int r = store_find(in->reader, wanted, "vm.cpu.usage", NULL, &asked);

	if (r == 0)
		r = store_find(in->reader, NULL, "vm.cpu.usage", NULL, &in->vms);
	if (r) {
		cli_error(in->cli, "insights: cannot read the store: %s", g_strerror(-r));
		return exit_code_of(r);
	}
	if (!asked->len) {
		g_autofree char *shown = text_quote(wanted ? wanted : "*");

		cli_error(in->cli, "insights: the store knows no VM %s", shown);
		return EXIT_NO_SUCH_VM;
	}
	load_all(in);
	for (size_t i = 0; i < in->vms->len; i++)
		for (guint k = 0; k < asked->len; k++)
			if (((struct store_series *)g_ptr_array_index(asked, k))->id ==
			    vm_at(in, i)->id)
				tell(in, i);
	for (size_t i = 0; i < in->vms->len; i++)
		ranks_clear(&in->load_ranks[i]);
	g_free(in->load_ranks);
	return EXIT_DONE;
}

enum exit_code cmd_insights(struct cli *cli)
{
	int64_t now = (int64_t)time(NULL) * 1000;
	struct insights in = {
		.cli = cli,
		.now_ms = now,
		.fine = grid_before(now, FINE_MS, FINE),
		.day = grid_before(now, 5 * MINUTE_MS, 288),
		.long_past = grid_before(now, HOUR_MS, 840),
	};
	enum exit_code code;
	int r;

	r = strcmp(cli->config->store, "none") ? store_reader_open(cli->config->store, &in.reader)
					       : -ENOENT;
	if (r) {
		cli_error(cli, "insights: %s: %s", cli->config->store,
			  r == -ENOENT ? "there is no store; kvmlens run keeps one"
				       : g_strerror(-r));
		return exit_code_of(r);
	}
	code = tell_all(&in, cli->n_args ? cli->args[0] : NULL);
	if (in.vms)
		g_ptr_array_unref(in.vms);
	store_reader_close(in.reader);
	return code;
}
