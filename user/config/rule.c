// SPDX-License-Identifier: Apache-2.0
/* What one rule means, and whether its parts fit together. */
#include "config/rule.h"
#include "config/rule_options.h"

#include <string.h>
#include "config/config.h"
#include "metric/metric.h"
#include "util/text.h"

#define ANOMALY_DEFAULT 0.8 /* clearly rarer than what is worth a look, see vm.anomaly.score */

static const char *const placeholders[] = {
	"vm",	       "uuid",	   "value",	    "threshold",  "metric",
	"unit",	       "severity", "rule",	    "name",	  "duration",
	"since",       "host",	   "top_aggressor", "stall_time", "stall_cause",
	"down_reason",
};

static const struct metric *metric_of(const struct config_rule *rule)
{
	switch (rule->type) {
	case RULE_ANOMALY:
		return &metrics[rule->condition.metric ? M_vm_anomaly_series_score
						       : M_vm_anomaly_score];
	case RULE_FORECAST:
		return &metrics[M_vm_time_to_full_seconds];
	case RULE_HEARTBEAT:
		return &metrics[M_kvmlens_uptime_seconds];
	default:
		return metric_find(rule->condition.metric);
	}
}

void rule_target(const struct config_rule *rule, struct rule_target *ret_target)
{
	const struct rule_condition *condition = &rule->condition;
	struct rule_target target = {.metric = metric_of(rule), .op = condition->op};

	if (condition->divisor)
		target.divisor = metric_find(condition->divisor);
	target.rate_ms = condition->rate_ms;
	if (rule->type != RULE_THRESHOLD && condition->metric)
		target.of = metric_find(condition->metric)->name;
	if (rule->type == RULE_ANOMALY) {
		target.op = RULE_GE;
		target.threshold = ANOMALY_DEFAULT;
	} else if (rule->type == RULE_FORECAST) {
		target.op = RULE_LT;
		target.threshold = condition->within_s;
	} else if (rule->type == RULE_HEARTBEAT) {
		target.op = RULE_GE;
	}
	if (condition->threshold)
		rule_number(condition->threshold, &target.threshold);
	target.resolve = target.threshold;
	if (rule->resolve_threshold)
		rule_number(rule->resolve_threshold, &target.resolve);
	*ret_target = target;
}

const char *rule_component(const struct metric *metric)
{
	if (metric_scope_in_vm(metric->scope))
		return "vm";
	return g_str_has_prefix(metric->name, "host.") ? "host" : "kvmlens";
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

/* Begin a line of its own for a mistake. */
static GString *mistake(GString *why)
{
	if (why->len)
		g_string_append_c(why, '\n');
	return why;
}

static void verify_text(const struct metric *metric, const char *key, const char *text,
			GString *why)
{
	for (const char *p = text; p && *p; p++) {
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

			unknown_placeholder(metric, key, name, mistake(why));
		}
		p += len;
	}
}

static void verify_keys(const char *where, const struct metric *metric,
			const struct kvmlens_tag *labels, size_t n, bool in_term, GString *why)
{
	const char *keys = metric_scopes[metric->scope].keys;
	g_auto(GStrv) list = g_strsplit(keys, ", ", -1);

	for (size_t i = 0; i < n; i++) {
		const char *key = labels[i].key, *near;

		if (in_term && (strcmp(key, "vm") == 0 || strcmp(key, "uuid") == 0)) {
			g_string_append_printf(mistake(why),
					       "%s: the VM is the condition's own; leave %s out",
					       where, key);
			continue;
		}
		if (key_listed(keys, key, strlen(key)))
			continue;
		near = text_nearest(key, (const char *const *)list, g_strv_length(list));
		g_string_append_printf(mistake(why), "%s: %s has no label \"%s\"; ", where,
				       metric->name, key);
		if (near)
			g_string_append_printf(why, "did you mean \"%s\"?", near);
		else if (*keys)
			g_string_append_printf(why, "it has %s", keys);
		else
			g_string_append(why, "it has none, leave labels out");
	}
}

/* A divisor is there once for each value: of the same series, of its VM, or of the whole host. */
static bool divides(const struct metric *metric, const struct metric *divisor)
{
	return divisor->scope == metric->scope || *metric_scopes[divisor->scope].keys == '\0' ||
	       (divisor->scope == SCOPE_VM && metric_scope_in_vm(metric->scope));
}

static void verify_value(const char *where, const struct metric *metric, const char *divisor,
			 unsigned rate_ms, GString *why)
{
	const struct metric *below = divisor ? metric_find(divisor) : NULL;

	if (rate_ms && metric->kind != METRIC_COUNTER)
		g_string_append_printf(mistake(why),
				       "%s: rate: %s is no counter; leave rate out, or take the "
				       "counter beside it",
				       where, metric->name);
	if (below && !divides(metric, below))
		g_string_append_printf(mistake(why),
				       "%s: divide_by: %s has the labels %s, which %s has not; "
				       "take a metric of the same labels or of the VM",
				       where, below->name, metric_scopes[below->scope].keys,
				       metric->name);
}

static void verify_term(const char *where, const struct metric *metric,
			const struct rule_term *term, bool is_or, GString *why)
{
	const struct metric *other = metric_find(term->metric);
	bool fits = is_or ? other->scope == metric->scope
			  : !metric_scope_in_vm(other->scope) || metric_scope_in_vm(metric->scope);

	if (!fits && is_or)
		g_string_append_printf(
			mistake(why),
			"%s: %s has not the labels of %s, so that no series can have "
			"either; make it a rule of its own",
			where, other->name, metric->name);
	else if (!fits)
		g_string_append_printf(mistake(why),
				       "%s: %s is of a VM, %s is of the host; make the VM's metric "
				       "the condition",
				       where, other->name, metric->name);
	verify_keys(where, other, term->labels, term->n_labels, true, why);
	verify_value(where, other, term->divisor, term->rate_ms, why);
}

static void verify_condition(const struct config_rule *rule, const struct metric *metric,
			     GString *why)
{
	const struct rule_condition *c = &rule->condition;

	verify_keys("condition.labels", metric, c->labels, c->n_labels, false, why);
	verify_value("condition", metric, c->divisor, c->rate_ms, why);
	for (size_t i = 0; i < c->n_ands; i++)
		verify_term("condition.and", metric, &c->ands[i], false, why);
	for (size_t i = 0; i < c->n_ors; i++)
		verify_term("condition.or", metric, &c->ors[i], true, why);
	if (rule->raise_detail && !metric_scope_in_vm(metric->scope))
		g_string_append_printf(mistake(why),
				       "raise_detail: %s is the host's and no VM's; set detail for "
				       "the host, or leave raise_detail out",
				       metric->name);
}

/* What every alert has is not the rule's to set. */
static void verify_own(const struct config_rule *rule, const struct metric *metric, GString *why)
{
	const char *keys = metric_scopes[metric->scope].keys;

	for (size_t i = 0; i < rule->n_labels; i++) {
		const char *key = rule->labels[i].key;

		if (strcmp(key, "alertname") == 0 || strcmp(key, "severity") == 0 ||
		    (key_listed(keys, key, strlen(key)) && !strstr(keys, "...")))
			g_string_append_printf(mistake(why),
					       "labels: every alert of this rule has a label %s of "
					       "its own; choose another name",
					       key);
	}
	for (size_t i = 0; i < rule->n_annotations; i++) {
		const char *key = rule->annotations[i].key;

		if (strcmp(key, "summary") == 0 || strcmp(key, "description") == 0 ||
		    strcmp(key, "runbook_url") == 0)
			g_string_append_printf(mistake(why),
					       "annotations: %s has a key of its own; write %s: "
					       "beside annotations",
					       key, strcmp(key, "summary") ? key : "text");
	}
}

static void verify_threshold_type(const struct rule_condition *condition, GString *why)
{
	if (!condition->metric && condition->op == RULE_OP_NONE && !condition->threshold)
		g_string_append(mistake(why),
				"\"condition\" is missing; add for example condition: {metric: "
				"vm.cpu.usage, operator: gt, threshold: 90, duration: 1m}");
	else if (!condition->metric)
		g_string_append(mistake(why), "condition.metric is missing; add for example "
					      "metric: vm.cpu.usage");
	else if (condition->op == RULE_OP_NONE)
		g_string_append(mistake(why), "condition.operator is missing; add for example "
					      "operator: gt");
	else if (!condition->threshold)
		g_string_append(mistake(why), "condition.threshold is missing; add for example "
					      "threshold: 90");
}

static void verify_heartbeat(const struct config_rule *rule, GString *why)
{
	const struct rule_condition *c = &rule->condition;

	if (c->metric || c->op != RULE_OP_NONE || c->threshold || c->divisor || c->rate_ms ||
	    c->n_ands || c->n_ors || c->n_labels || c->n_tags)
		g_string_append(mistake(why), "condition: a heartbeat always fires; leave the "
					      "condition out");
	if (!rule->n_channels)
		g_string_append(mistake(why), "channels: a heartbeat is for the receiver that "
					      "waits for it; name its channel");
}

static void verify_thin_type(const struct config_rule *rule, GString *why)
{
	const struct rule_condition *condition = &rule->condition;
	const char *type = rule->type == RULE_ANOMALY ? "anomaly" : "forecast";

	if (condition->divisor || condition->rate_ms)
		g_string_append_printf(mistake(why),
				       "condition: type %s knows neither rate nor divide_by; leave "
				       "them out",
				       type);
	if (condition->op != RULE_OP_NONE)
		g_string_append_printf(mistake(why),
				       "condition.operator: type %s has its own; leave it out",
				       type);
	else if (rule->type == RULE_FORECAST && condition->threshold)
		g_string_append(mistake(why),
				"condition.threshold: type forecast takes within: 72h "
				"instead; leave it out");
	else if (rule->type == RULE_FORECAST && !condition->metric)
		g_string_append(mistake(why),
				"condition.metric is missing; say what fills up, for example "
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
		g_string_append_printf(mistake(why),
				       "resolve_threshold: %s has no side to come back to; "
				       "leave it out, or use gt or lt",
				       rule_operator_name(target.op));
	else if (above ? target.resolve > target.threshold : target.resolve < target.threshold)
		g_string_append_printf(
			mistake(why),
			"resolve_threshold: %g lies beyond the threshold %g, so that "
			"it would resolve while it fires; with operator %s it is at "
			"%s the threshold",
			target.resolve, target.threshold, rule_operator_name(target.op),
			above ? "most" : "least");
}

void rule_verify(const void *item, GString *why)
{
	const struct config_rule *rule = item;
	const struct metric *metric;

	if (rule->type == RULE_THRESHOLD)
		verify_threshold_type(&rule->condition, why);
	else if (rule->type == RULE_HEARTBEAT)
		verify_heartbeat(rule, why);
	else
		verify_thin_type(rule, why);
	if (rule->repeat_ms && rule->repeat_ms < RULE_REPEAT_MIN_MS)
		g_string_append(mistake(why),
				"repeat: is shorter than a minute, which is more than people read; "
				"use 1m or more, or 0s for never");
	metric = rule->type == RULE_THRESHOLD && !rule->condition.metric ? NULL : metric_of(rule);
	if (!metric)
		return;
	verify_condition(rule, metric, why);
	if (rule->type != RULE_THRESHOLD || rule->condition.threshold)
		verify_resolve(rule, why);
	verify_own(rule, metric, why);
	verify_text(metric, "text", rule->text, why);
	verify_text(metric, "description", rule->description, why);
	verify_text(metric, "runbook_url", rule->runbook_url, why);
	for (size_t i = 0; i < rule->n_annotations; i++)
		verify_text(metric, "annotations", rule->annotations[i].value, why);
}
