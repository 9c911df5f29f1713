// SPDX-License-Identifier: Apache-2.0
/* What one rule means, and whether its parts fit together. */
#include "config/rule.h"
#include "config/rule_options.h"

#include <string.h>
#include "config/config.h"
#include "metric/metric.h"
#include "util/text.h"

#define ANOMALY_DEFAULT 0.8 /* clearly rarer than once a day, see vm.anomaly.score */

static const char *const placeholders[] = {
	"vm",	 "uuid",     "value",	      "threshold",  "metric",
	"unit",	 "severity", "rule",	      "name",	    "duration",
	"since", "host",     "top_aggressor", "stall_time", "stall_cause",
};

static const struct metric *metric_of(const struct config_rule *rule)
{
	switch (rule->type) {
	case RULE_ANOMALY:
		return &metrics[rule->condition.metric ? M_vm_anomaly_series_score
						       : M_vm_anomaly_score];
	case RULE_FORECAST:
		return &metrics[M_vm_time_to_full_seconds];
	default:
		return metric_find(rule->condition.metric);
	}
}

void rule_target(const struct config_rule *rule, struct rule_target *ret_target)
{
	const struct rule_condition *condition = &rule->condition;
	struct rule_target target = {.metric = metric_of(rule), .op = condition->op};

	if (rule->type != RULE_THRESHOLD && condition->metric)
		target.of = metric_find(condition->metric)->name;
	if (rule->type == RULE_ANOMALY) {
		target.op = RULE_GE;
		target.threshold = ANOMALY_DEFAULT;
	} else if (rule->type == RULE_FORECAST) {
		target.op = RULE_LT;
		target.threshold = condition->within_s;
	}
	if (condition->threshold)
		rule_number(condition->threshold, &target.threshold);
	target.resolve = target.threshold;
	if (rule->resolve_threshold)
		rule_number(rule->resolve_threshold, &target.resolve);
	*ret_target = target;
}

/* Is it one of the labels "vm, uuid, disk"? Yes where there may be others: "...". */
static bool key_listed(const char *keys, const char *key, size_t len)
{
	g_auto(GStrv) list = g_strsplit(keys, ", ", -1);

	for (char **k = list; *k; k++)
		if (strcmp(*k, "...") == 0 || (strlen(*k) == len && !strncmp(*k, key, len)))
			return true;
	return false;
}

bool rule_placeholder_known(const struct metric *metric, const char *name, size_t len)
{
	for (size_t i = 0; i < G_N_ELEMENTS(placeholders); i++)
		if (strlen(placeholders[i]) == len && !strncmp(placeholders[i], name, len))
			return true;
	return key_listed(metric_scopes[metric->scope].keys, name, len);
}

static void unknown_placeholder(const struct metric *metric, const char *key, const char *name,
				GString *why)
{
	g_auto(GStrv) labels = g_strsplit(metric_scopes[metric->scope].keys, ", ", -1);
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *shown = text_quote(name);
	const char *near;

	for (size_t i = 0; i < G_N_ELEMENTS(placeholders); i++)
		g_ptr_array_add(names, (char *)placeholders[i]);
	for (char **label = labels; *label && **label; label++)
		g_ptr_array_add(names, *label);
	near = text_nearest(name, (const char *const *)names->pdata, names->len);
	g_string_append_printf(why, "%s: there is no placeholder %s for %s; ", key, shown,
			       metric->name);
	if (near) {
		g_string_append_printf(why, "did you mean {%s}?", near);
		return;
	}
	g_string_append(why, "use ");
	for (guint i = 0; i < names->len; i++)
		g_string_append_printf(why, "%s%s", i ? ", " : "", (const char *)names->pdata[i]);
}

static void verify_text(const struct metric *metric, const char *key, const char *text,
			GString *why)
{
	for (const char *p = text; p && *p && !why->len; p++) {
		size_t len;

		if (*p != '{')
			continue;
		if (p[1] == '{') {
			p++;
			continue;
		}
		len = strcspn(p + 1, "}");
		if (!rule_placeholder_known(metric, p + 1, len)) {
			g_autofree char *name = g_strndup(p + 1, len);

			unknown_placeholder(metric, key, name, why);
		}
		p += len;
	}
}

static void verify_labels(const struct config_rule *rule, const struct metric *metric, GString *why)
{
	const char *keys = metric_scopes[metric->scope].keys;
	g_auto(GStrv) list = g_strsplit(keys, ", ", -1);

	for (size_t i = 0; i < rule->condition.n_labels && !why->len; i++) {
		const char *key = rule->condition.labels[i].key, *near;

		if (key_listed(keys, key, strlen(key)))
			continue;
		near = text_nearest(key, (const char *const *)list, g_strv_length(list));
		g_string_append_printf(why, "condition.labels: %s has no label \"%s\"; ",
				       metric->name, key);
		if (near)
			g_string_append_printf(why, "did you mean \"%s\"?", near);
		else if (*keys)
			g_string_append_printf(why, "it has %s", keys);
		else
			g_string_append(why, "it has none, leave labels out");
	}
	if (!why->len && rule->raise_detail && !metric_scope_in_vm(metric->scope))
		g_string_append_printf(why,
				       "raise_detail: %s is the host's and no VM's; set detail for "
				       "the host, or leave raise_detail out",
				       metric->name);
}

static void verify_threshold_type(const struct rule_condition *condition, GString *why)
{
	if (!condition->metric)
		g_string_append(why, "condition.metric is missing; add for example metric: "
				     "vm.cpu.usage");
	else if (condition->op == RULE_OP_NONE)
		g_string_append(why, "condition.operator is missing; add for example operator: gt");
	else if (!condition->threshold)
		g_string_append(why, "condition.threshold is missing; add for example threshold: "
				     "90");
}

static void verify_thin_type(const struct config_rule *rule, GString *why)
{
	const struct rule_condition *condition = &rule->condition;
	const char *type = rule->type == RULE_ANOMALY ? "anomaly" : "forecast";

	if (condition->op != RULE_OP_NONE)
		g_string_append_printf(why, "condition.operator: type %s has its own; leave it out",
				       type);
	else if (rule->type == RULE_FORECAST && condition->threshold)
		g_string_append(why, "condition.threshold: type forecast takes within: 72h "
				     "instead; leave it out");
	else if (rule->type == RULE_FORECAST && !condition->metric)
		g_string_append(why, "condition.metric is missing; say what fills up, for example "
				     "metric: vm.memory.usage_percent");
}

static void verify_resolve(const struct config_rule *rule, GString *why)
{
	struct rule_target target;
	bool above;

	rule_target(rule, &target);
	above = target.op == RULE_GT || target.op == RULE_GE;
	if (!rule->resolve_threshold)
		return;
	if (target.op == RULE_EQ || target.op == RULE_NE)
		g_string_append_printf(why,
				       "resolve_threshold: %s has no side to come back to; "
				       "leave it out, or use gt or lt",
				       rule_operator_name(target.op));
	else if (above ? target.resolve > target.threshold : target.resolve < target.threshold)
		g_string_append_printf(
			why,
			"resolve_threshold: %g lies beyond the threshold %g, so that "
			"it would resolve while it fires; with operator %s it is at "
			"%s the threshold",
			target.resolve, target.threshold, rule_operator_name(target.op),
			above ? "most" : "least");
}

void rule_verify(const void *item, GString *why)
{
	const struct config_rule *rule = item;

	if (rule->type == RULE_THRESHOLD)
		verify_threshold_type(&rule->condition, why);
	else
		verify_thin_type(rule, why);
	if (!why->len)
		verify_labels(rule, metric_of(rule), why);
	if (!why->len)
		verify_resolve(rule, why);
	if (!why->len && rule->repeat_ms && rule->repeat_ms < RULE_REPEAT_MIN_MS)
		g_string_append(why,
				"repeat: is shorter than a minute, which nobody wants to read; "
				"use 1m or more, or 0s for never");
	if (!why->len)
		verify_text(metric_of(rule), "text", rule->text, why);
	if (!why->len)
		verify_text(metric_of(rule), "description", rule->description, why);
}
