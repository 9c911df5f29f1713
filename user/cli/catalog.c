// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"

#include <jansson.h>
#include "cli/help.h"
#include "cli/table.h"
#include "config/config.h"
#include "metric/metric.h"

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
