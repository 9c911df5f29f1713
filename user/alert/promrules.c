// SPDX-License-Identifier: Apache-2.0
#include "alert/promrules.h"

#include <string.h>
#include "alert/text.h"

/* How long a firing alert outlives its last value: Prometheus must be told an end. */
#define KEEP "1d"

/* A glob as a regular expression of RE2, anchored as Prometheus does it. */
static void put_regex(GString *out, const char *glob)
{
	for (; *glob; glob++) {
		if (*glob == '*')
			g_string_append(out, ".*");
		else if (*glob == '?')
			g_string_append_c(out, '.');
		else if (strchr("\\.+()[]{}^$|", *glob))
			g_string_append_printf(out, "\\\\%s%c", *glob == '\\' ? "\\" : "", *glob);
		else if (*glob == '"')
			g_string_append(out, "\\\"");
		else
			g_string_append_c(out, *glob);
	}
}

static void put_matches(GString *out, const struct alert_match *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (out->str[out->len - 1] != '{')
			g_string_append_c(out, ',');
		g_string_append_printf(out, "%s=~\"", m[i].key);
		put_regex(out, m[i].glob);
		g_string_append_c(out, '"');
	}
}

/* metric{label=~"..."}, of the VMs with the tags. */
static char *selector(const struct alert_rule *rule, const char *range)
{
	GString *out = g_string_new(rule->metric->prom);

	if (rule->n_vm_match + rule->n_match) {
		g_string_append_c(out, '{');
		put_matches(out, rule->vm_match, rule->n_vm_match);
		put_matches(out, rule->match, rule->n_match);
		g_string_append_c(out, '}');
	}
	if (range)
		g_string_append_printf(out, "[%s]", range);
	return g_string_free(out, FALSE);
}

/* " and on (...) vm_info{rack=~"..."}", of rules with tags. */
static void put_tags(GString *out, const struct alert_rule *rule)
{
	if (!rule->n_tags)
		return;
	g_string_append(out, " and on (instance, job, vm, uuid) vm_info{");
	put_matches(out, rule->tags, rule->n_tags);
	g_string_append_c(out, '}');
}

/* The labels that tell one series of the metric from another. */
static void put_keys(GString *out, const struct metric *metric)
{
	g_auto(GStrv) keys = g_strsplit(metric_scopes[metric->scope].keys, ", ", -1);

	g_string_append(out, "instance, job");
	for (char **key = keys; *key; key++)
		if (**key && strcmp(*key, "..."))
			g_string_append_printf(out, ", %s", *key);
}

static bool has_key(const struct metric *metric, const char *name)
{
	g_auto(GStrv) keys = g_strsplit(metric_scopes[metric->scope].keys, ", ", -1);

	return g_strv_contains((const char *const *)keys, name);
}

/* While it fires: other bounds, and what is missing is as it was while the VM is there. */
static void put_firing(GString *out, const struct alert_rule *rule, const char *sign)
{
	g_autofree char *held = selector(rule, KEEP), *plain = selector(rule, NULL);
	char number[G_ASCII_DTOSTR_BUF_SIZE];

	g_ascii_dtostr(number, sizeof(number), rule->resolve);
	if (rule->no_data == RULE_RESOLVE)
		g_string_append_printf(out, " or ((%s %s %s)", plain, sign, number);
	else
		g_string_append_printf(out, " or ((last_over_time(%s) %s %s)", held, sign, number);
	put_tags(out, rule);
	if (rule->no_data != RULE_RESOLVE && metric_scope_in_vm(rule->metric->scope))
		g_string_append(out, " and on (instance, job, vm, uuid) vm_up");
	g_string_append(out, " and on (");
	put_keys(out, rule->metric);
	g_string_append_printf(out, ") ALERTS{alertname=\"%s\",alertstate=\"firing\"})", rule->id);
}

char *promrules_expr(const struct alert_rule *rule)
{
	const char *sign = rule_operator_sign(rule->op);
	g_autofree char *plain = selector(rule, NULL);
	char number[G_ASCII_DTOSTR_BUF_SIZE];
	GString *out = g_string_new(NULL);

	g_ascii_dtostr(number, sizeof(number), rule->threshold);
	g_string_append_printf(out, "((%s %s %s)", plain, sign, number);
	put_tags(out, rule);
	g_string_append_c(out, ')');
	if (rule->no_data != RULE_RESOLVE || rule->resolve != rule->threshold)
		put_firing(out, rule, sign);
	return g_string_free(out, FALSE);
}

/* A number's unit as Prometheus's own functions write it. */
static char *value_template(const struct metric *metric)
{
	if (strcmp(metric->unit, "bytes") == 0)
		return g_strdup("{{ $value | humanize1024 }}B");
	if (strcmp(metric->unit, "bytes/s") == 0)
		return g_strdup("{{ $value | humanize1024 }}B/s");
	if (strcmp(metric->unit, "seconds") == 0)
		return g_strdup("{{ $value | humanizeDuration }}");
	return g_strdup_printf("{{ $value | printf \"%%.4g\" }}%s", alert_unit(metric));
}

/* Our placeholders in Prometheus's words; NULL: Prometheus cannot know it. */
static char *word_of(void *arg, const char *name)
{
	const struct alert_rule *rule = arg;

	if (strcmp(name, "{") == 0)
		return g_strdup("{{ \"{\" }}");
	if (strcmp(name, "value") == 0)
		return value_template(rule->metric);
	if (strcmp(name, "threshold") == 0)
		return alert_number(rule->metric, rule->threshold);
	if (strcmp(name, "unit") == 0)
		return g_strdup(rule->metric->unit);
	if (strcmp(name, "severity") == 0)
		return g_strdup(alert_severity_name(rule->severity));
	if (strcmp(name, "rule") == 0)
		return g_strdup(rule->id);
	if (strcmp(name, "name") == 0)
		return g_strdup(rule->name);
	if (strcmp(name, "host") == 0)
		return g_strdup("{{ $labels.instance }}");
	if (strcmp(name, "duration") == 0)
		return alert_lasted(rule->for_ms);
	if (strcmp(name, "top_aggressor") == 0 || strcmp(name, "stall_time") == 0 ||
	    strcmp(name, "stall_cause") == 0 || strcmp(name, "since") == 0)
		return NULL;
	if (strcmp(name, "metric") == 0 && !has_key(rule->metric, name))
		return g_strdup(rule->metric->name);
	return g_strdup_printf("{{ $labels.%s }}", name);
}

static char *template_of(const struct alert_rule *rule, const char *text)
{
	return alert_text_fill(text, rule->metric, word_of, (void *)rule);
}

/* A YAML string in single quotes, which know one escape. */
static void put_quoted(struct textbuf *out, const char *key, const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, "'", -1);
	g_autofree char *quoted = g_strjoinv("''", parts);

	textbuf_printf(out, "%s: '%s'\n", key, quoted);
}

static void put_duration(struct textbuf *out, const char *key, int64_t ms)
{
	if (ms)
		textbuf_printf(out, "        %s: %" G_GINT64_FORMAT "ms\n", key, ms);
}

static void put_rule(struct textbuf *out, const struct alert_rule *rule)
{
	g_autofree char *expr = promrules_expr(rule);
	g_autofree char *text = alert_template(rule);
	g_autofree char *summary = template_of(rule, text);
	g_autofree char *description = template_of(rule, rule->description);

	textbuf_printf(out, "      - alert: %s\n", rule->id);
	put_quoted(out, "        expr", expr);
	put_duration(out, "for", rule->for_ms);
	put_duration(out, "keep_firing_for", rule->keep_ms);
	textbuf_printf(out, "        labels:\n          severity: %s\n",
		       alert_severity_name(rule->severity));
	textbuf_append(out, "        annotations:\n");
	put_quoted(out, "          summary", summary);
	if (*description)
		put_quoted(out, "          description", description);
}

void promrules_render(const struct alert_rules *rules, struct textbuf *out)
{
	textbuf_append(out, "# Made by kvmlens alerts export --prometheus; for Prometheus 2.42 and "
			    "later.\n# Not told here: repeat, channels, silences and inhibition "
			    "are Alertmanager's.\ngroups:\n  - name: kvmlens\n    rules:");
	textbuf_append(out, rules->rules->len ? "\n" : " []\n");
	for (guint i = 0; i < rules->rules->len; i++)
		put_rule(out, g_ptr_array_index(rules->rules, i));
}
