// SPDX-License-Identifier: Apache-2.0
/* The keys of an alert rule, and the checks of single values. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "config/config.h"
#include "config/option.h"
#include "config/rule.h"
#include "config/rule_options.h"
#include "metric/metric.h"
#include "util/text.h"

#define DAY_MS 86400000

static const cyaml_strval_t severities[] = {
	{"info", RULE_INFO},
	{"warning", RULE_WARNING},
	{"critical", RULE_CRITICAL},
};

static const cyaml_strval_t types[] = {
	{"threshold", RULE_THRESHOLD},
	{"anomaly", RULE_ANOMALY},
	{"forecast", RULE_FORECAST},
	{"heartbeat", RULE_HEARTBEAT},
};

static const cyaml_strval_t operators[] = {
	{"gt", RULE_GT}, {"ge", RULE_GE}, {"lt", RULE_LT},
	{"le", RULE_LE}, {"eq", RULE_EQ}, {"ne", RULE_NE},
};

static const cyaml_strval_t no_data[] = {
	{"keep", RULE_KEEP},
	{"alert", RULE_ALERT},
	{"resolve", RULE_RESOLVE},
};

const char *rule_operator_name(enum rule_operator op)
{
	for (size_t i = 0; i < G_N_ELEMENTS(operators); i++)
		if (operators[i].val == op)
			return operators[i].str;
	return "?";
}

const char *rule_operator_sign(enum rule_operator op)
{
	static const char *const signs[] = {"?", ">", ">=", "<", "<=", "==", "!="};

	return signs[op];
}

int rule_number(const char *text, double *ret_value)
{
	static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
	char *end;
	double value = g_ascii_strtod(text, &end);

	if (end == text || !isfinite(value))
		return -EINVAL;
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
		if (strcmp(end, units[i]) == 0) {
			*ret_value = ldexp(value, 10 * (int)i);
			return 0;
		}
	}
	return -EINVAL;
}

static void check_number(const char *value, GString *why)
{
	g_autofree char *shown = text_quote(value);
	double number;

	if (rule_number(value, &number))
		g_string_append_printf(why, "%s is not a number; use one like 90, 0.5 or 2GiB",
				       shown);
}

/* An id is part of keys, URLs and label values. */
static void check_id(const char *value, GString *why)
{
	bool ok = g_ascii_isalnum(*value);

	for (const char *p = value; *p; p++)
		ok &= g_ascii_isalnum(*p) || strchr("-_.", *p);
	if (!ok)
		g_string_append(why, "may hold letters, digits, - _ and . alone, and begins with a "
				     "letter or digit; write for example id: vm-high-cpu-usage");
}

static void check_metric(const char *value, GString *why)
{
	const struct metric *metric = metric_find(value);
	g_autofree char *shown = text_quote(value);
	const char *near;

	if (metric && metric->type == TYPE_HIST)
		g_string_append_printf(why,
				       "%s is a histogram, which has no single value; use a "
				       "gauge, see kvmlens metrics --catalog",
				       shown);
	if (metric)
		return;
	near = metric_nearest(value);
	if (near)
		g_string_append_printf(why, "there is no metric %s; did you mean \"%s\"?", shown,
				       near);
	else
		g_string_append_printf(why,
				       "there is no metric %s; kvmlens metrics --catalog "
				       "lists them",
				       shown);
}

/* Only whether the braces fit; the names are checked once the metric is known. */
static void check_text(const char *value, GString *why)
{
	bool open = false;

	for (const char *p = value; *p && !why->len; p++) {
		if (p[0] == '{' && p[1] == '{' && !open)
			p++;
		else if (*p == '{' && open)
			g_string_append(why, "opens a placeholder inside another one; close it "
					     "with }, or write {{ for a brace");
		else if (*p == '{')
			open = true;
		else if (*p == '}')
			open = false;
	}
	if (open && !why->len)
		g_string_append(why, "has a { without its }; close the placeholder, or write {{ "
				     "for a brace");
}

static void check_runbook(const char *value, GString *why)
{
	if (!g_str_has_prefix(value, "https://") && !g_str_has_prefix(value, "http://"))
		g_string_append(why, "must begin with https:// or http://");
	else
		check_text(value, why);
}

static const struct config_option term_options[] = {
	{.name = "metric",
	 AS_STRING(struct rule_term, metric),
	 .min = 1,
	 .max = 128,
	 .check = check_metric,
	 .required = true,
	 .value = "METRIC",
	 .help = "a name of the catalogue",
	 .example = "metric: vm.cpu.usage"},
	{.name = "divide_by",
	 AS_STRING(struct rule_term, divisor),
	 .min = 1,
	 .max = 128,
	 .check = check_metric,
	 .value = "METRIC",
	 .help = "compare the ratio to this metric of the same series, or of the VM",
	 .example = "divide_by: vm.memory.total"},
	{.name = "rate",
	 AS_MS(struct rule_term, rate_ms),
	 .max = DAY_MS / 24,
	 .def = "0s",
	 .value = "DURATION",
	 .help = "of a counter: compare what it grew by per second over this time",
	 .example = "rate: 5m"},
	{.name = "operator",
	 AS_ENUM(struct rule_term, op, enum rule_operator, operators),
	 .required = true,
	 .value = "WORD",
	 .help = "how the value is compared",
	 .example = "operator: gt"},
	{.name = "threshold",
	 AS_STRING(struct rule_term, threshold),
	 .min = 1,
	 .max = 64,
	 .check = check_number,
	 .required = true,
	 .value = "NUMBER",
	 .help = "in the metric's unit; sizes may be written 2GiB",
	 .example = "threshold: 90"},
	{.name = "labels",
	 AS_TAGS(struct rule_term, labels, n_labels),
	 .vm_keys = true,
	 .max = 16,
	 .value = "KEY: GLOB",
	 .help = "only series with these labels, where * and ? match anything",
	 .example = "labels: {source: agent}"},
	{.kind = OPTION_END},
};

static const struct config_option condition_options[] = {
	{.name = "metric",
	 AS_STRING(struct rule_condition, metric),
	 .min = 1,
	 .max = 128,
	 .check = check_metric,
	 .value = "METRIC",
	 .help = "a name of the catalogue; of a forecast what fills up, of an anomaly it may be left "
		 "out",
	 .example = "metric: vm.cpu.usage"},
	{.name = "divide_by",
	 AS_STRING(struct rule_condition, divisor),
	 .min = 1,
	 .max = 128,
	 .check = check_metric,
	 .value = "METRIC",
	 .help = "compare the ratio to this metric of the same series, or of the VM",
	 .example = "divide_by: vm.memory.total"},
	{.name = "rate",
	 AS_MS(struct rule_condition, rate_ms),
	 .max = DAY_MS / 24,
	 .def = "0s",
	 .value = "DURATION",
	 .help = "of a counter: compare what it grew by per second over this time",
	 .example = "rate: 5m"},
	{.name = "operator",
	 AS_ENUM(struct rule_condition, op, enum rule_operator, operators),
	 .value = "WORD",
	 .help = "how the value is compared: greater, greater or equal, less, ...",
	 .example = "operator: gt"},
	{.name = "threshold",
	 AS_STRING(struct rule_condition, threshold),
	 .min = 1,
	 .max = 64,
	 .check = check_number,
	 .value = "NUMBER",
	 .help = "in the metric's unit; sizes may be written 2GiB",
	 .example = "threshold: 90"},
	{.name = "duration",
	 AS_MS(struct rule_condition, duration_ms),
	 .max = 7 * DAY_MS,
	 .def = "0s",
	 .value = "DURATION",
	 .help = "how long it must hold without a break",
	 .example = "duration: 1m"},
	{.name = "tags",
	 AS_TAGS(struct rule_condition, tags, n_tags),
	 .max = 16,
	 .value = "KEY: GLOB",
	 .help = "only VMs with these labels of vm_info, where * and ? match anything; component is "
		 "vm, host or kvmlens by the metric",
	 .example = "tags: {component: vm, stage: production}"},
	{.name = "labels",
	 AS_TAGS(struct rule_condition, labels, n_labels),
	 .vm_keys = true,
	 .max = 16,
	 .value = "KEY: GLOB",
	 .help = "only series with these labels, where * and ? match anything, | stands between "
		 "several, and ! before them all excludes them",
	 .example = "labels: {vm: \"db-*\"}"},
	{.name = "and",
	 AS_LIST(struct rule_condition, ands, n_ands, struct rule_term, term_options),
	 .max = RULE_TERMS_MAX,
	 .help = "what must hold as well: on the same series where it has the same labels, else on "
		 "any series of the same VM, or of the host",
	 .example = "and: [{metric: vm.cpu.usage, operator: gt, threshold: 50}]"},
	{.name = "or",
	 AS_LIST(struct rule_condition, ors, n_ors, struct rule_term, term_options),
	 .max = RULE_TERMS_MAX,
	 .help = "what is enough in place of the condition and all of \"and\", on the same series",
	 .example = "or: [{metric: vm.cpu.steal_time, operator: gt, threshold: 5}]"},
	{.name = "within",
	 AS_SECONDS(struct rule_condition, within_s),
	 .min = 3600,
	 .max = 30 * 86400,
	 .def = "72h",
	 .value = "DURATION",
	 .help = "of a forecast: how far it looks",
	 .example = "within: 72h"},
	{.kind = OPTION_END},
};

const struct config_option rule_options[] = {
	{.name = "id",
	 AS_STRING(struct config_rule, id),
	 .min = 1,
	 .max = 64,
	 .check = check_id,
	 .required = true,
	 .unique = true,
	 .value = "ID",
	 .help = "the rule's own name, which stays when the text changes",
	 .example = "id: vm-high-cpu-usage"},
	{.name = "name",
	 AS_STRING(struct config_rule, name),
	 .min = 1,
	 .max = 128,
	 .value = "NAME",
	 .help = "as people read it; by default the id",
	 .example = "name: VM High CPU Usage"},
	{.name = "description",
	 AS_STRING(struct config_rule, description),
	 .max = 2048,
	 .lines = true,
	 .check = check_text,
	 .value = "TEXT",
	 .help = "what it means and what to do, in several lines if need be; may hold placeholders as "
		 "text does",
	 .example = "description: VM CPU usage is critically high"},
	{.name = "severity",
	 AS_ENUM(struct config_rule, severity, enum rule_severity, severities),
	 .def = "warning",
	 .value = "WORD",
	 .help = "a more severe alert of the same series keeps lesser ones quiet",
	 .example = "severity: critical"},
	{.name = "type",
	 AS_ENUM(struct config_rule, type, enum rule_type, types),
	 .def = "threshold",
	 .value = "WORD",
	 .help = "anomaly looks at vm.anomaly.score, forecast at vm.time_to_full_seconds; heartbeat "
		 "always fires, for a receiver that raises the alarm once it stops",
	 .example = "type: threshold"},
	{.name = "condition",
	 AS_SECTION(struct config_rule, condition, struct rule_condition, condition_options),
	 .help = "what makes it fire; a heartbeat has none",
	 .example = "condition: {metric: vm.cpu.usage, operator: gt, threshold: 90, duration: 1m}"},
	{.name = "resolve_threshold",
	 AS_STRING(struct config_rule, resolve_threshold),
	 .min = 1,
	 .max = 64,
	 .check = check_number,
	 .value = "NUMBER",
	 .help = "once it fires, the value that it must come back behind; by default the threshold",
	 .example = "resolve_threshold: 80"},
	{.name = "keep_firing_for",
	 AS_MS(struct config_rule, keep_firing_for_ms),
	 .max = 7 * DAY_MS,
	 .def = "2m",
	 .value = "DURATION",
	 .help = "how long it must be over before it is resolved: what flaps is one alert",
	 .example = "keep_firing_for: 2m"},
	{.name = "repeat",
	 AS_MS(struct config_rule, repeat_ms),
	 .max = 30u * DAY_MS,
	 .def = "4h",
	 .value = "DURATION",
	 .help = "how often one that still fires is told again, 1m or more; 0s: never",
	 .example = "repeat: 4h"},
	{.name = "no_data",
	 AS_ENUM(struct config_rule, no_data, enum rule_no_data, no_data),
	 .def = "keep",
	 .value = "WORD",
	 .help = "when a VM's value is missing: keep a firing alert as it is, alert, or resolve",
	 .example = "no_data: keep"},
	{.name = "no_data_after",
	 AS_MS(struct config_rule, no_data_after_ms),
	 .max = 7 * DAY_MS,
	 .def = "5m",
	 .value = "DURATION",
	 .help = "how long it must be missing before no_data counts",
	 .example = "no_data_after: 5m"},
	{.name = "enabled",
	 AS_BOOL(struct config_rule, enabled),
	 .def = "true",
	 .value = "true|false",
	 .help = "false switches the rule off, also a default one of that id; its condition is "
		 "written all the same",
	 .example = "enabled: true"},
	{.name = "raise_detail",
	 AS_BOOL(struct config_rule, raise_detail),
	 .def = "false",
	 .value = "true|false",
	 .help = "collect at the level that the metric needs, of the VMs whose name matches",
	 .example = "raise_detail: true"},
	{.name = "channels",
	 AS_STRINGS(struct config_rule, channels, n_channels),
	 .max = 16,
	 .value = "NAME,...",
	 .help = "who is told; by default every channel",
	 .example = "channels: [email, slack]"},
	{.name = "labels",
	 AS_TAGS(struct config_rule, labels, n_labels),
	 .max = 16,
	 .value = "KEY: VALUE",
	 .help = "more labels for its alerts, for who routes them",
	 .example = "labels: {team: storage}"},
	{.name = "annotations",
	 AS_TAGS(struct config_rule, annotations, n_annotations),
	 .max = 16,
	 .lines = true,
	 .check = check_text,
	 .value = "KEY: TEXT",
	 .help = "more texts for its alerts; may hold placeholders as text does",
	 .example = "annotations: {dashboard: \"https://grafana.example.org/d/vm?var-vm={vm}\"}"},
	{.name = "runbook_url",
	 AS_STRING(struct config_rule, runbook_url),
	 .max = 1024,
	 .check = check_runbook,
	 .value = "URL",
	 .help = "where it is written what to do; may hold placeholders as text does",
	 .example = "runbook_url: https://wiki.example.org/runbooks/vm-cpu"},
	{.name = "text",
	 AS_STRING(struct config_rule, text),
	 .max = 512,
	 .check = check_text,
	 .value = "TEXT",
	 .help = "the message's line; {vm}, {value}, {threshold}, {top_aggressor}, any label "
		 "and more stand for what they say",
	 .example = "text: \"{vm} waits {value} of the time, most for {top_aggressor}\""},
	{.kind = OPTION_END},
};
