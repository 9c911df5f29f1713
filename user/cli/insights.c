// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>
#include <time.h>
#include "analytics/crossvm.h"
#include "cli/insights_private.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define FINE_MS 10000 /* for correlation: the last hour */
#define FINE 360
#define FINE_LEAST 60
#define DRIFT 90
#define LAGS 6
#define BLAMED 0.05 /* a smaller part is not worth a word */

static void insight_free(gpointer arg)
{
	struct insight *insight = arg;

	g_free(insight->text);
	g_free(insight);
}

GPtrArray *insight_lines(void)
{
	return g_ptr_array_new_with_free_func(insight_free);
}

void insight_say(struct insights *in, const char *topic, const char *format, ...)
{
	struct insight *insight = g_new0(struct insight, 1);
	va_list args;

	va_start(args, format);
	insight->topic = topic;
	insight->text = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(in->said, insight);
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
		insight_say(in, "usual",
			    "nothing out of the ordinary in the last hour (score %.2f at most)",
			    score.mean);
		return;
	}
	if (localtime_r(&t, &tm))
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
	by = greatest(in, vm->uuid, "vm.anomaly.contribution", score.time_ms - FINE_MS, &part);
	insight_say(in, "unusual", "score %.2f at %s%s%s", score.mean, when,
		    by ? ", mostly by " : "", by ? by : "");
}

/*
 * Does a blame label mean this VM: by="vm:NAME", by="vm:NAME/emulator", or by="vm:NAME#UUID" with the
 * beginning of its UUID?
 */
static bool is_blamed(const char *labels, const struct store_series *vm)
{
	const char *by = strstr(labels, "by=\"vm:");
	size_t n = strlen(vm->vm), part;

	if (!by || strncmp(by + 7, vm->vm, n))
		return false;
	by += 7 + n;
	if (*by == '#') {
		part = strcspn(++by, "/\"");
		if (!part || strncmp(by, vm->uuid, part))
			return false;
		by += part;
	}
	return *by == '"' || *by == '/';
}

/* How much a counter grew over the last hour. */
static double grown(struct insights *in, const struct store_series *s)
{
	g_autofree double *values = grid_load(in->reader, s, &in->fine, 2);
	double sum = 0, last = NAN;

	for (size_t i = 0; values && i < in->fine.n; i++) {
		if (isnan(values[i]))
			continue;
		if (values[i] > last)
			sum += values[i] - last;
		last = values[i];
	}
	return sum;
}

/* What a gauge adds up to over the last hour. */
static double added(struct insights *in, const struct store_series *s)
{
	g_autofree double *values = grid_load(in->reader, s, &in->fine, 1);
	double sum = 0;

	for (size_t i = 0; values && i < in->fine.n; i++)
		sum += isnan(values[i]) ? 0 : values[i];
	return sum;
}

/* Sum up a metric by the VM that its series blame; returns the sum of all. */
static double add_blame(struct insights *in, size_t victim, const char *metric,
			double (*measure)(struct insights *in, const struct store_series *s),
			double *share)
{
	g_autoptr(GPtrArray) series = NULL;
	double all = 0;

	if (store_find(in->reader, insight_vm(in, victim)->uuid, metric, NULL, &series))
		return 0;
	for (guint k = 0; k < series->len; k++) {
		const struct store_series *s = g_ptr_array_index(series, k);
		double part = measure(in, s);

		all += part;
		for (guint i = 0; share && i < in->vms->len; i++)
			if (is_blamed(s->labels, insight_vm(in, i)))
				share[i] += part;
	}
	return all;
}

/*
 * The part of each VM in what the victim waited for in the last hour; NULL: blame is not known.
 * Below detailed it is of the three that took the most at each moment.
 */
static double *blame_shares(struct insights *in, size_t victim)
{
	g_autofree double *share = g_new0(double, in->vms->len + 1);
	double all = add_blame(in, victim, "vm.cpu.blame_seconds_total", grown, share);

	if (all <= 0) {
		all = add_blame(in, victim, "vm.cpu.aggressor_time", added, share);
		if (all > 0)
			all = fmax(all, add_blame(in, victim, "vm.cpu.ready_time", added, NULL));
	}
	if (all <= 0)
		return NULL;
	for (guint i = 0; i < in->vms->len; i++)
		share[i] /= all;
	return g_steal_pointer(&share);
}

static void say_culprit(struct insights *in, size_t victim, const struct ranks *pain)
{
	g_autofree double *share = blame_shares(in, victim);
	struct crossvm_culprit worst;

	if (!crossvm_culprits(pain, victim, in->load_ranks, share, in->vms->len, &worst, 1))
		return;
	if (isfinite(worst.share) && worst.share >= BLAMED)
		insight_say(
			in, "neighbour",
			"%.0f %% of its waits were while %s ran in its place (rank correlation %.2f)",
			100 * worst.share, insight_vm(in, worst.vm)->vm, worst.rho);
	else if (!isfinite(worst.share))
		insight_say(in, "neighbour",
			    "it waits for a CPU when %s is busy (rank correlation %.2f)",
			    insight_vm(in, worst.vm)->vm, worst.rho);
}

/* What a VM's pain may be due to: the host's values, and those of the devices below its disks. */
static bool is_resource(const char *metric)
{
	return g_str_has_prefix(metric, "host.") || g_str_has_prefix(metric, "vm.disk.device.") ||
	       !strcmp(metric, "vm.disks.device_latency");
}

static void take_resources(struct insights *in, const char *vm, GPtrArray *all)
{
	g_autoptr(GPtrArray) list = NULL;

	if (store_list(in->reader, vm, &list))
		return;
	for (guint i = list->len; i-- > 0;) {
		const struct store_series *s = g_ptr_array_index(list, i);

		if (is_resource(s->metric) && !g_str_has_suffix(s->metric, "_total"))
			g_ptr_array_add(all, g_ptr_array_steal_index_fast(list, i));
	}
}

/* What explains a pain best so far. */
struct cause {
	struct correlation c;
	const struct store_series *pain, *by; /* NULL: nothing does */
};

/* tests: how many explanations of the pain are tried in all. */
static void explain(struct insights *in, const struct store_series *pain, const struct ranks *ranks,
		    const GPtrArray *resources, guint tests, struct cause *best)
{
	for (guint i = 0; i < resources->len; i++) {
		const struct store_series *s = g_ptr_array_index(resources, i);
		g_autofree double *values = grid_load(in->reader, s, &in->fine, FINE_LEAST);
		struct correlation c;
		struct ranks of_resource;

		if (!values || ranks_init(&of_resource, values, in->fine.n, DRIFT))
			continue;
		c = correlate(ranks, &of_resource, LAGS);
		ranks_clear(&of_resource);
		if (c.p * tests < CORRELATE_ALPHA && fabs(c.rho) > fabs(best->c.rho))
			*best = (struct cause){c, pain, s};
	}
}

static void say_cause(struct insights *in, const struct cause *cause)
{
	const struct store_series *pain = cause->pain, *by = cause->by;

	if (!by)
		return;
	insight_say(in, "because", "%s%s%s%s follows %s%s%s%s by %d s (rank correlation %.2f)",
		    pain->metric, *pain->labels ? "{" : "", pain->labels, *pain->labels ? "}" : "",
		    by->metric, *by->labels ? "{" : "", by->labels, *by->labels ? "}" : "",
		    cause->c.lag * (FINE_MS / 1000), cause->c.rho);
}

/* Of the VM's disks or cards the one that a resource explains best. */
static void say_pain(struct insights *in, size_t vm, const char *metric, bool by_neighbour,
		     const GPtrArray *resources)
{
	g_autoptr(GPtrArray) pains = NULL;
	struct cause best = {.c = {.p = 1}};

	if (store_find(in->reader, insight_vm(in, vm)->uuid, metric, NULL, &pains))
		return;
	for (guint i = 0; i < pains->len; i++) {
		const struct store_series *s = g_ptr_array_index(pains, i);
		g_autofree double *values = grid_load(in->reader, s, &in->fine, FINE_LEAST);
		struct ranks ranks;

		if (!values || ranks_init(&ranks, values, in->fine.n, DRIFT))
			continue;
		if (by_neighbour)
			say_culprit(in, vm, &ranks);
		explain(in, s, &ranks, resources, resources->len * pains->len, &best);
		ranks_clear(&ranks);
	}
	say_cause(in, &best);
}

static void say_why(struct insights *in, size_t vm)
{
	static const char *const pains[] = {"vm.cpu.ready_time", "vm.disk.read_latency",
					    "vm.disk.write_latency", "vm.network.rx_dropped",
					    "vm.network.tx_dropped"};
	g_autoptr(GPtrArray) resources = store_series_array();

	take_resources(in, "", resources);
	take_resources(in, insight_vm(in, vm)->uuid, resources);
	for (size_t i = 0; i < G_N_ELEMENTS(pains); i++)
		say_pain(in, vm, pains[i], i == 0, resources);
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
		insight_say(in, best.rho > 0 ? "like" : "unlike", "its load moves %s %s (%.2f): %s",
			    best.rho > 0 ? "with that of" : "against that of",
			    insight_vm(in, other)->vm, best.rho,
			    best.rho > 0 ? "better on different CPUs" : "they fit together");
}

static void look(struct insights *in, size_t vm, unsigned kinds)
{
	const struct store_series *s = insight_vm(in, vm);

	if (kinds & INSIGHT_UNUSUAL)
		say_anomaly(in, s);
	if (kinds & INSIGHT_FULL)
		insight_full(in, s);
	if (kinds & INSIGHT_CAUSE)
		say_why(in, vm);
	if (kinds & INSIGHT_TREND)
		insight_outlook(in, s);
	if (kinds & INSIGHT_LIKE)
		say_pair(in, vm);
	if (kinds & INSIGHT_SIZE)
		insight_size(in, s);
}

static void load_all(struct insights *in)
{
	in->load = g_new0(double *, in->vms->len + 1);
	in->load_ranks = g_new0(struct ranks, in->vms->len + 1);
	for (size_t i = 0; i < in->vms->len; i++) {
		double *values = grid_load(in->reader, insight_vm(in, i), &in->fine, FINE_LEAST);

		in->load[i] = values;
		if (values && ranks_init(&in->load_ranks[i], values, in->fine.n, DRIFT))
			in->load_ranks[i] = (struct ranks){0};
	}
}

int insights_open(const char *path, struct insights **ret_insights)
{
	int64_t now = g_get_real_time() / 1000;
	struct insights *in = g_new0(struct insights, 1);
	int r = store_reader_open(path, &in->reader);

	in->now_ms = now;
	in->fine = grid_before(now, FINE_MS, FINE);
	in->day = grid_before(now, 5 * MINUTE_MS, 288);
	in->long_past = grid_before(now, HOUR_MS, 840);
	if (r == 0)
		r = store_find(in->reader, NULL, "vm.cpu.usage", NULL, &in->vms);
	if (r) {
		insights_close(in);
		return r;
	}
	load_all(in);
	*ret_insights = in;
	return 0;
}

void insights_close(struct insights *in)
{
	if (!in)
		return;
	for (guint i = 0; in->vms && i < in->vms->len; i++) {
		ranks_clear(&in->load_ranks[i]);
		g_free(in->load[i]);
	}
	g_clear_pointer(&in->vms, g_ptr_array_unref);
	g_free(in->load);
	g_free(in->load_ranks);
	store_reader_close(in->reader);
	g_free(in);
}

guint insights_vms(const struct insights *in)
{
	return in->vms->len;
}

const char *insights_name(const struct insights *in, guint vm)
{
	return insight_vm(in, vm)->vm;
}

const char *insights_uuid(const struct insights *in, guint vm)
{
	return insight_vm(in, vm)->uuid;
}

GPtrArray *insights_of(struct insights *in, guint vm, unsigned kinds)
{
	in->said = insight_lines();
	look(in, vm, kinds);
	return g_steal_pointer(&in->said);
}
