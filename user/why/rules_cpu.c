// SPDX-License-Identifier: Apache-2.0
/* It waits for a CPU, and for whom; or has what it asks for and needs more. */
#include <math.h>
#include <string.h>
#include "why/rule.h"

enum taker { TAKER_VM, TAKER_TASK, TAKER_KERNEL, TAKER_INTERRUPT, TAKER_SELF, TAKER_IDLE, TAKERS };

/* Somebody who ran while it waited. */
struct taking {
	char *by;
	double percent;
};

/* Whom the ready time is charged to, in percent of wall time. */
typedef struct wait {
	double ready;
	double taken[TAKERS];
	GArray *who[TAKERS]; /* struct taking, the greatest first */
} wait_t;

static enum taker taker_of(const char *by)
{
	if (g_str_has_prefix(by, "vm:"))
		return TAKER_VM;
	if (g_str_has_prefix(by, "cgroup:"))
		return TAKER_TASK;
	if (strstr(by, "softirq") || strstr(by, "irq"))
		return TAKER_INTERRUPT;
	if (g_str_has_prefix(by, "host:"))
		return TAKER_KERNEL;
	if (!strcmp(by, "self"))
		return TAKER_SELF;
	return strcmp(by, "idle") ? TAKERS : TAKER_IDLE;
}

static void take(struct wait *w, const char *by, double percent)
{
	enum taker taker = taker_of(by);
	struct taking who;

	if (taker == TAKERS || isnan(percent) || percent <= 0)
		return;
	w->taken[taker] += percent;
	who = (struct taking){g_strdup(by), percent};
	g_array_append_val(w->who[taker], who);
}

static void taking_clear(gpointer taking)
{
	g_free(((struct taking *)taking)->by);
}

static gint by_percent(gconstpointer a, gconstpointer b)
{
	const struct taking *x = a, *y = b;

	return (x->percent < y->percent) - (x->percent > y->percent);
}

static void wait_clear(struct wait *w)
{
	for (int i = 0; i < TAKERS; i++)
		g_clear_pointer(&w->who[i], g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(wait_t, wait_clear)

#define LIKE_SIZE 0.5 /* of the greatest, from which on somebody is named beside it */
#define NAMED_MAX 4

/* All of like size, the greatest first, with what is known of them. */
static void name_takers(const struct evidence *e, const struct wait *w, enum taker taker,
			struct why_finding *f)
{
	const GArray *all = w->who[taker];
	g_autoptr(GString) text = g_string_new(NULL);
	double least = all->len ? LIKE_SIZE * g_array_index(all, struct taking, 0).percent : 0;
	guint n = 0;

	while (n < MIN(all->len, NAMED_MAX) &&
	       g_array_index(all, struct taking, n).percent >= least)
		n++;
	for (guint i = 0; i < n; i++) {
		const struct taking *t = &g_array_index(all, struct taking, i);
		const char *note = evidence_note_of(e, t->by);

		g_string_append_printf(text, "%s%s", i ? ", " : "", t->by);
		if (n > 1)
			g_string_append_printf(text, " %.1f %%", t->percent);
		if (note)
			g_string_append_printf(text, " (%s)", note);
	}
	g_strlcpy(f->who, text->str, sizeof(f->who));
}

/* Seconds of all vCPUs as percent of wall time; NAN where there is no time yet. */
static double as_percent(const struct evidence *e, double seconds)
{
	double vcpus = evidence_mean(e, "vm.cpu.vcpus"), span = evidence_seconds(e);

	return span > 0 && vcpus > 0 ? 100 * seconds / (span * vcpus) : NAN;
}

/* What is no aggressor is in the counters alone, and what is one is exact in the gauges. */
static void charge(const struct evidence *e, struct wait *w)
{
	g_autoptr(GArray) gauges = evidence_parts(e, "vm.cpu.aggressor_time", "by");
	g_autoptr(GArray) counters = evidence_parts(e, "vm.cpu.blame_seconds_total", "by");
	double *done = g_new0(double, gauges->len + 1);

	for (guint i = 0; i < counters->len; i++) {
		const struct evidence_part *c = &g_array_index(counters, struct evidence_part, i);
		double percent = as_percent(e, c->gain);

		for (guint k = 0; k < gauges->len; k++) {
			const struct evidence_part *g =
				&g_array_index(gauges, struct evidence_part, k);

			if (strcmp(g->label, c->label))
				continue;
			percent = isnan(percent) ? g->mean : MAX(percent, g->mean);
			done[k] = 1;
		}
		take(w, c->label, percent);
	}
	for (guint k = 0; k < gauges->len; k++)
		if (!done[k])
			take(w, g_array_index(gauges, struct evidence_part, k).label,
			     g_array_index(gauges, struct evidence_part, k).mean);
	g_free(done);
	for (int i = 0; i < TAKERS; i++)
		g_array_sort(w->who[i], by_percent);
}

bool why_waits(const struct evidence *e)
{
	return evidence_mean(e, "vm.cpu.ready_time") >= WHY_READY ||
	       evidence_mean(e, "vm.cpu.ready_time_max") >= WHY_READY_ONE;
}

static bool waits(const struct evidence *e, struct wait *w)
{
	*w = (struct wait){.ready = evidence_mean(e, "vm.cpu.ready_time")};
	if (isnan(w->ready) || !why_waits(e))
		return false;
	for (int i = 0; i < TAKERS; i++) {
		w->who[i] = g_array_new(FALSE, FALSE, sizeof(struct taking));
		g_array_set_clear_func(w->who[i], taking_clear);
	}
	charge(e, w);
	return true;
}

/* "waits 8.0 % of the time for a CPU (one vCPU 31.0 %)": where one stands out, it is named. */
static const char *ready_text(const struct evidence *e, double ready, char *buf, size_t size)
{
	double most = evidence_mean(e, "vm.cpu.ready_time_max");

	if (most >= WHY_READY_ONE && most >= 2 * ready)
		g_snprintf(buf, size, "waits %.1f %% of the time for a CPU (one vCPU %.1f %%)",
			   ready, most);
	else
		g_snprintf(buf, size, "waits %.1f %% of the time for a CPU", ready);
	return buf;
}

/* Percent of wall time that a cause takes; 0: none, or nobody tells. */
static double cause(const struct evidence *e, const char *name)
{
	double percent = as_percent(
		e, evidence_part_gain(e, "vm.cpu.ready_cause_seconds_total", "cause", name));
	g_autoptr(GArray) gauges = evidence_parts(e, "vm.cpu.ready_cause", "cause");

	if (!isnan(percent))
		return percent;
	for (guint i = 0; i < gauges->len; i++)
		if (!strcmp(g_array_index(gauges, struct evidence_part, i).label, name))
			return g_array_index(gauges, struct evidence_part, i).mean;
	return 0;
}

static bool matters(double percent, double ready)
{
	return percent >= WHY_PART * ready / 100;
}

/*
 * Who ran on the CPU is not to blame where another CPU stood idle, or where the quota was used
 * up: that part has its own rule.
 */
static double less_own_fault(const struct evidence *e, const struct wait *w, double percent)
{
	double own = cause(e, "pinning") + cause(e, "throttled");

	return percent * MAX(1 - own / MAX(w->ready, 0.001), 0.1);
}

static bool taken_by(const struct evidence *e, enum taker taker, const char *whose,
		     struct why_finding *f)
{
	g_auto(wait_t) w = {0};
	char ready[80];

	if (!waits(e, &w) || !matters(w.taken[taker], w.ready))
		return false;
	f->amount = w.taken[taker];
	f->weight = less_own_fault(e, &w, f->amount);
	name_takers(e, &w, taker, f);
	why_say(f, "%s, %.1f %% while %s", ready_text(e, w.ready, ready, sizeof(ready)), f->amount,
		whose);
	return true;
}

bool why_cpu_quota(const struct evidence *e, struct why_finding *f)
{
	double ready = evidence_mean(e, "vm.cpu.ready_time"), percent = cause(e, "throttled");

	char text[80];

	if (!why_waits(e) || !matters(percent, ready))
		return false;
	f->amount = f->weight = percent;
	why_say(f, "%s, %.1f %% because its quota is used up",
		ready_text(e, ready, text, sizeof(text)), percent);
	return true;
}

bool why_cpu_pinning(const struct evidence *e, struct why_finding *f)
{
	double ready = evidence_mean(e, "vm.cpu.ready_time"), percent = cause(e, "pinning");

	char text[80];

	if (!why_waits(e) || !matters(percent, ready))
		return false;
	f->amount = f->weight = percent;
	why_say(f, "%s, %.1f %% while another CPU stood idle that it may not or did not use",
		ready_text(e, ready, text, sizeof(text)), percent);
	return true;
}

bool why_cpu_neighbour(const struct evidence *e, struct why_finding *f)
{
	return taken_by(e, TAKER_VM, "other VMs ran there", f);
}

bool why_cpu_host_task(const struct evidence *e, struct why_finding *f)
{
	return taken_by(e, TAKER_TASK, "processes of the host ran there", f);
}

bool why_cpu_kernel(const struct evidence *e, struct why_finding *f)
{
	return taken_by(e, TAKER_KERNEL, "threads of the host's kernel ran there", f);
}

bool why_cpu_interrupts(const struct evidence *e, struct why_finding *f)
{
	double ready = evidence_mean(e, "vm.cpu.ready_time");
	double percent = cause(e, "interrupt");
	char text[80];

	if (!(percent > 0))
		return taken_by(e, TAKER_INTERRUPT, "softirqs ran there", f);
	if (!why_waits(e) || !matters(percent, ready))
		return false;
	f->amount = f->weight = percent;
	why_say(f, "%s, %.1f %% while interrupts were served there",
		ready_text(e, ready, text, sizeof(text)), percent);
	return true;
}

bool why_cpu_own_threads(const struct evidence *e, struct why_finding *f)
{
	return taken_by(e, TAKER_SELF, "its own IO, emulator or other vCPU threads ran there", f);
}

bool why_cpu_idle_wake(const struct evidence *e, struct why_finding *f)
{
	return taken_by(e, TAKER_IDLE, "that CPU woke from its sleep", f);
}

bool why_cpu_unexplained(const struct evidence *e, struct why_finding *f)
{
	g_auto(wait_t) w = {0};
	char ready[80];

	if (!waits(e, &w) || matters(cause(e, "throttled"), w.ready) ||
	    matters(cause(e, "pinning"), w.ready))
		return false;
	for (int i = 0; i < TAKERS; i++)
		if (matters(w.taken[i], w.ready))
			return false;
	f->amount = w.ready;
	f->weight = w.ready / 2;
	why_say(f, "%s, for many that each take little",
		ready_text(e, w.ready, ready, sizeof(ready)));
	return true;
}

bool why_cpu_saturated(const struct evidence *e, struct why_finding *f)
{
	double used = evidence_mean(e, "vm.cpu.usage"),
	       ready = evidence_mean(e, "vm.cpu.ready_time");

	if (!(used >= 90) || isnan(ready) || why_waits(e))
		return false;
	f->amount = used;
	f->weight = used / 4;
	why_say(f, "runs %.1f %% of the time on all its vCPUs, and gets the CPU whenever it asks",
		used);
	return true;
}

bool why_cpu_exits(const struct evidence *e, struct why_finding *f)
{
	double hyp = evidence_mean(e, "vm.cpu.hypervisor_time");

	/* Sampled by the tick it is a guess, and of a TCG guest there is none. */
	if (isnan(hyp) || hyp < 20 || evidence_last(e, "vm.cpu.guest_time_sampled") != 0)
		return false;
	f->amount = hyp;
	f->weight = hyp / 2;
	why_say(f, "spends %.1f %% of the time outside the guest, handling its exits", hyp);
	return true;
}

bool why_cpu_wake_latency(const struct evidence *e, struct why_finding *f)
{
	double p99 = evidence_mean(e, "vm.cpu.wake_latency_p99");
	double ready = evidence_mean(e, "vm.cpu.ready_time");

	if (isnan(p99) || p99 < 50 || !(ready < WHY_READY))
		return false;
	f->amount = p99;
	f->weight = MIN(p99 / 5, 20);
	why_say(f, "waits seldom (%.1f %%), but one wakeup in a hundred takes %.1f ms to a CPU",
		ready, p99);
	return true;
}
