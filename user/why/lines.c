// SPDX-License-Identifier: Apache-2.0
/* Findings as the lines that an operator reads. */
#include <math.h>
#include <string.h>
#include "why/why.h"

#define LINES_EACH 3

static G_GNUC_PRINTF(2, 3) void add(GPtrArray *lines, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(lines, g_strdup_vprintf(format, args));
	va_end(args);
}

const char *why_verdict(const GArray *findings)
{
	static const char *const verdicts[WHY_TOPICS] = {
		[WHY_STALL] = "it does not run, or did not",
		[WHY_CPU] = "short of CPU",
		[WHY_MEMORY] = "short of memory",
		[WHY_DISK] = "short of disk",
		[WHY_NETWORK] = "short of network",
		[WHY_GUEST] = "short of nothing of the host: the cause is inside the guest",
		[WHY_HISTORY] = "nothing wrong now, but",
	};

	if (!findings->len)
		return "nothing wrong";
	return verdicts[g_array_index(findings, struct why_finding, 0).rule->topic];
}

static void add_finding(GPtrArray *lines, const struct why_finding *f)
{
	/* A name that the text has already is not said again. */
	bool named = *f->who && !strstr(f->what, f->who);

	add(lines, "%-8s %s%s%s", why_topic_name(f->rule->topic), f->what, named ? ": mostly " : "",
	    named ? f->who : "");
	add(lines, "  do     %s", f->rule->advice);
	add(lines, "  rule   %s: %s", f->rule->id, f->rule->condition);
}

struct judged {
	const char *name, *metric, *unit;
};

/* What was looked at and found good, and what nobody knows. */
static void add_judged(GPtrArray *lines, const struct evidence *e)
{
	static const struct judged all[] = {
		{"ready", "vm.cpu.ready_time", " %"},
		{"used", "vm.cpu.usage", " %"},
		{"guest queue", "vm.cpu.guest_queue_time", " %"},
		{"memory", "vm.memory.usage_percent", " %"},
		{"disk reads", "vm.disk.read_latency", " ms"},
		{"disk writes", "vm.disk.write_latency", " ms"},
		{"drops", "vm.network.rx_dropped", "/s"},
	};
	g_autoptr(GString) good = g_string_new(NULL), unknown = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		double value = evidence_mean(e, all[i].metric);
		GString *to = isnan(value) ? unknown : good;

		g_string_append_printf(to, "%s%s", to->len ? ", " : "", all[i].name);
		if (to == good)
			g_string_append_printf(to, " %.1f%s", value, all[i].unit);
	}
	add(lines, "judged   %s", good->len ? good->str : "nothing");
	if (unknown->len)
		add(lines, "unknown  %s", unknown->str);
}

GPtrArray *why_lines(const struct evidence *e, const GArray *findings, const char *source)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
	char span[32];
	guint room = (WHY_LINES_MAX - 1) / LINES_EACH;

	g_strlcpy(span, "just now", sizeof(span));
	if (evidence_seconds(e) > 0)
		g_snprintf(span, sizeof(span), "%.0f s", evidence_seconds(e));
	add(lines, "%s: %s. %s%s%s", evidence_vm(e), why_verdict(findings), span,
	    *source ? ", " : "", source);
	for (guint i = 0; i < MIN(findings->len, room); i++)
		add_finding(lines, &g_array_index(findings, struct why_finding, i));
	if (!findings->len)
		add_judged(lines, e);
	return lines;
}
