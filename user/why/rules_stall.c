// SPDX-License-Identifier: Apache-2.0
/* It did not run at all for a while. */
#include <math.h>
#include <string.h>
#include <time.h>
#include "why/rule.h"

static double known(double value)
{
	return isnan(value) ? 0 : value;
}

static const struct evidence_part *current(const GArray *parts, const char *n)
{
	for (guint i = 0; i < parts->len; i++) {
		const struct evidence_part *p = &g_array_index(parts, struct evidence_part, i);

		if (p->current && !strcmp(p->label, n))
			return p;
	}
	return NULL;
}

void why_stall_event(const struct evidence *e, const char *n, double *began, double *seconds,
		     char *cause, size_t size)
{
	g_autofree char *name = NULL;
	g_autoptr(GArray) when = evidence_parts(e, "vm.stall.event.began", "n");
	g_autoptr(GArray) how_long = evidence_parts(e, "vm.stall.event.duration", "n");
	const struct evidence_part *at = current(when, n), *lasted = current(how_long, n);

	if (at) {
		*began = at->last;
		name = evidence_label(at->labels, "cause");
		g_strlcpy(cause, name ? name : "", size);
	}
	if (lasted)
		*seconds = lasted->last;
}

/* Seconds of stalls that have ended, of all causes. */
static double ended_seconds(const struct evidence *e)
{
	g_autoptr(GArray) parts = evidence_parts(e, "vm.stall.cause_seconds_total", "cause");
	double sum = 0;

	for (guint i = 0; i < parts->len; i++)
		sum += g_array_index(parts, struct evidence_part, i).gain;
	return sum;
}

static bool goes_on(const struct evidence *e, enum stall_cause cause)
{
	return evidence_last(e, "vm.stall.active") == 1 &&
	       evidence_last(e, "vm.stall.last_cause") == cause;
}

/* How often this cause, and how long; below detailed only the last cause is told. */
static bool count_stalls(const struct evidence *e, enum stall_cause cause, double *ret_n,
			 double *ret_seconds)
{
	const char *name = stall_cause_name(cause);
	bool active = goes_on(e, cause), last = evidence_last(e, "vm.stall.last_cause") == cause;
	double n = evidence_part_gain(e, "vm.stall.cause_total", "cause", name);
	double seconds = evidence_part_gain(e, "vm.stall.cause_seconds_total", "cause", name);

	if (isnan(n)) {
		n = last ? known(evidence_gain(e, "vm.stall_total")) : 0;
		seconds = last ? evidence_gain(e, "vm.stall_seconds_total") : 0;
		n = MAX(n, active);
	} else if (active) {
		n++;
		seconds = known(seconds) +
			  MAX(0,
			      known(evidence_gain(e, "vm.stall_seconds_total")) - ended_seconds(e));
	}
	*ret_n = n;
	*ret_seconds = seconds;
	return n > 0;
}

/* " (the last 1.0 s at 12:03:11)", "": it is not known. */
static void last_one(const struct evidence *e, enum stall_cause wanted, char *buf, size_t size)
{
	double began = NAN, seconds = NAN;
	char clock[16], cause[32] = "";
	struct tm tm;
	time_t t;

	*buf = '\0';
	why_stall_event(e, "0", &began, &seconds, cause, sizeof(cause));
	if (strcmp(cause, stall_cause_name(wanted)))
		return;
	t = (time_t)known(began);
	if (t > 0 && localtime_r(&t, &tm) && strftime(clock, sizeof(clock), "%H:%M:%S", &tm))
		g_snprintf(buf, size, " (the last at %s, %.1f s)", clock, known(seconds));
}

static bool stalled(const struct evidence *e, enum stall_cause cause, const char *what,
		    struct why_finding *f)
{
	double n, seconds, span = MAX(evidence_seconds(e), 1);
	char last[64], all[48];

	if (!count_stalls(e, cause, &n, &seconds))
		return false;
	f->amount = known(seconds);
	f->weight = 100 * MIN(f->amount / span, 1);
	if (cause == STALL_NOT_SCHEDULED)
		f->weight /= 2; /* for whom it waited says more */
	else
		f->weight += goes_on(e, cause) ? 70 : 20;
	last_one(e, cause, last, sizeof(last));
	g_snprintf(all, sizeof(all), ", %.1f s in all", seconds);
	why_say(f, "stood still %.0f time%s%s%s: %s%s", n, n == 1 ? "" : "s",
		seconds > 0 ? all : "", goes_on(e, cause) ? ", and does now" : "", what, last);
	return true;
}

#define STALL_RULE(name, cause)                                       \
	bool name(const struct evidence *e, struct why_finding *f)    \
	{                                                             \
		return stalled(e, cause, stall_cause_text(cause), f); \
	}

STALL_RULE(why_stall_sigstop, STALL_SIGSTOP)
STALL_RULE(why_stall_throttled, STALL_THROTTLED)
STALL_RULE(why_stall_userspace, STALL_USERSPACE)
STALL_RULE(why_stall_page_fault, STALL_PAGE_FAULT)
STALL_RULE(why_stall_not_scheduled, STALL_NOT_SCHEDULED)

/* No stall: it runs again when somebody resumes it. */
bool why_stall_paused(const struct evidence *e, struct why_finding *f)
{
	double reason = evidence_last(e, "vm.pause_reason");

	if (evidence_last(e, "vm.state") != KVMLENS_VM_PAUSED)
		return false;
	f->weight = 90;
	f->amount = evidence_seconds(e);
	if (reason == KVMLENS_PAUSE_OPERATOR)
		why_say(f, "is paused: an operator suspended it");
	else if (reason == KVMLENS_PAUSE_IO_ERROR)
		why_say(f,
			"is paused by an I/O error: its VMM stopped it when a disk failed or its "
			"storage was full");
	else if (reason == KVMLENS_PAUSE_MIGRATION)
		why_say(f, "is paused: it is being migrated");
	else
		why_say(f, "is paused: its VMM holds its vCPUs until somebody resumes it");
	return true;
}

bool why_stall_main_loop(const struct evidence *e, struct why_finding *f)
{
	if (evidence_last(e, "vm.stall.main_loop_up") != 0)
		return false;
	f->amount = known(evidence_gain(e, "vm.stall.main_loop_seconds_total"));
	f->weight = 60;
	why_say(f, "QEMU's main loop is held up: no monitor, no timer, no emulated disk answers");
	return true;
}
