// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"

#include <jansson.h>
#include "cli/help.h"
#include "cli/table.h"
#include "cli/words.h"
#include "config/config.h"
#include "metric/metric.h"
#include "util/bounds.h"

static const struct table_column columns[] = {
	{"METRIC", false, 0}, {"PROMETHEUS", false, 0}, {"KIND", false, 0},   {"UNIT", false, 0},
	{"LEVEL", false, 0},  {"GROUP", false, 0},	{"LABELS", false, 0}, {"MEANING", false, 0},
};

static const char *const kinds[] = {
	[METRIC_GAUGE] = "gauge", [METRIC_COUNTER] = "counter", [METRIC_HISTOGRAM] = "histogram"};

static const struct {
	unsigned group;
	const char *name, *title;
} groups[] = {
	{KVMLENS_CPU, "cpu", "CPU"},
	{KVMLENS_MEMORY, "memory", "Memory"},
	{KVMLENS_DISK, "disk", "Disk"},
	{KVMLENS_IOPS, "iops", "Disk operations"},
	{KVMLENS_NETWORK, "network", "Network"},
	{KVMLENS_PROCESS, "process", "Processes"},
	{0, "-", "Always there"},
};

static const char *group_name(unsigned group)
{
	for (size_t i = 0; i < G_N_ELEMENTS(groups); i++)
		if (groups[i].group == group)
			return groups[i].name;
	return "-";
}

void catalog_table(FILE *out)
{
	struct table *table = table_new(columns, G_N_ELEMENTS(columns));

	for (size_t i = 0; i < n_metrics; i++) {
		const struct metric *m = &metrics[i];

		table_row(table,
			  (const char *const[]){m->name, m->prom, kinds[m->kind], m->unit,
						config_level_name(m->level), group_name(m->group),
						metric_scopes[m->scope].keys, m->help});
	}
	table_print(table, out);
	table_free(table);
}

void catalog_json(FILE *out)
{
	json_auto_t *array = json_array();

	for (size_t i = 0; i < n_metrics; i++) {
		const struct metric *m = &metrics[i];

		json_array_append_new(array, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}",
						       "name", m->name, "prometheus", m->prom,
						       "kind", kinds[m->kind], "unit", m->unit,
						       "level", config_level_name(m->level),
						       "group", group_name(m->group), "labels",
						       metric_scopes[m->scope].keys, "source",
						       m->source, "help", m->help));
	}
	json_dumpf(array, out, JSON_INDENT(1));
	fputc('\n', out);
}

static const struct {
	const char *meaning, *kvmlens, *guest, *esxtop, *libvirt, *hyper_v;
} words[] = {
#define WORD(meaning, kvmlens, guest, esxtop, libvirt, hyper_v) \
	{meaning, kvmlens, guest, esxtop, libvirt, hyper_v},
	WORDS(WORD)
#undef WORD
};

static const struct {
	const char *name, *of, *counted;
	unsigned value;
} bounds[] = {
#define BOUND(name, value, of, counted) {#name, of, counted, value},
	BOUNDS(BOUND)
#undef BOUND
};

void catalog_words(FILE *out)
{
	static const struct table_column heads[] = {
		{"TIME OF A VCPU", false, 0}, {"KVMLENS", false, 0}, {"LINUX GUEST", false, 0},
		{"ESXTOP", false, 0},	      {"LIBVIRT", false, 0}, {"HYPER-V", false, 0},
	};
	struct table *table = table_new(heads, G_N_ELEMENTS(heads));

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		table_row(table, (const char *const[]){words[i].meaning, words[i].kvmlens,
						       words[i].guest, words[i].esxtop,
						       words[i].libvirt, words[i].hyper_v});
	table_print(table, out);
	table_free(table);
}

static void man_words(FILE *out)
{
	fputs(".SH WORDS OF OTHERS\nWhat a Linux guest shows as steal is ready time: its kernel is "
	      "given the host's run_delay. kvmlens calls steal only the part that began by being "
	      "preempted.\n",
	      out);
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		g_autofree char *facts = g_strdup_printf(
			"kvmlens: %s; Linux guest: %s; esxtop: %s; libvirt: %s; Hyper-V: %s",
			words[i].kvmlens, words[i].guest, words[i].esxtop, words[i].libvirt,
			words[i].hyper_v);

		fputs(".TP\n.B ", out);
		help_roff(out, words[i].meaning);
		help_roff(out, facts);
	}
}

static void man_bounds(FILE *out)
{
	fputs(".SH BOUNDS\nWhat is more is left out, and counted by the metric that is named; what "
	      "vm_left_out counts is at every level in kvmlens_lost_total{reason=\"vm_bound\"}.\n",
	      out);
	for (size_t i = 0; i < G_N_ELEMENTS(bounds); i++) {
		g_autofree char *term = g_strdup_printf("%u %s", bounds[i].value, bounds[i].of);

		fputs(".TP\n.B ", out);
		help_roff(out, term);
		help_roff(out, bounds[i].counted);
	}
}

void catalog_man(FILE *out)
{
	help_man_header(out, "kvmlens-metrics", "7", "metrics of kvmlens");
	fputs(".SH DESCRIPTION\nEach metric with its name in Prometheus, unit, the least detailed "
	      "level that has it, labels and source.\n",
	      out);
	for (size_t g = 0; g < G_N_ELEMENTS(groups); g++) {
		g_autofree char *title = g_ascii_strup(groups[g].title, -1);

		fprintf(out, ".SH %s\n", title);
		for (size_t i = 0; i < n_metrics; i++) {
			const struct metric *m = &metrics[i];
			g_autofree char *facts = NULL;

			if (m->group != groups[g].group)
				continue;
			facts = g_strdup_printf("%s; %s, %s, from %s on; labels %s; source %s",
						m->prom, kinds[m->kind], m->unit,
						config_level_name(m->level),
						metric_scopes[m->scope].keys, m->source);
			fputs(".TP\n.B ", out);
			help_roff(out, m->name);
			help_roff(out, facts);
			fputs(".br\n", out);
			help_roff(out, m->help);
		}
	}
	man_words(out);
	man_bounds(out);
	fputs(".SH SEE ALSO\nkvmlens(8), kvmlens.yaml(5)\n", out);
}

void catalog_markdown(FILE *out)
{
	for (size_t g = 0; g < G_N_ELEMENTS(groups); g++) {
		bool any = false;

		for (size_t i = 0; i < n_metrics; i++) {
			const struct metric *m = &metrics[i];

			if (m->group != groups[g].group)
				continue;
			if (!any)
				fprintf(out,
					"%s### %s\n\n| metric | Prometheus name | unit | level | labels "
					"| source | meaning |\n|---|---|---|---|---|---|---|\n",
					g ? "\n" : "", groups[g].title);
			any = true;
			fprintf(out, "| `%s` | `%s` | %s | %s | %s | %s | %s |\n", m->name, m->prom,
				m->unit, config_level_name(m->level), metric_scopes[m->scope].keys,
				m->source, m->help);
		}
	}
}
