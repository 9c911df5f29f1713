// SPDX-License-Identifier: Apache-2.0
#include "alert/promrules.h"

#include <string.h>
#include "alert/engine.h"
#include "alert/text.h"

/* Globs with | between them as a regular expression of RE2, anchored as Prometheus does it. */
static void put_regex(GString *out, const char *glob)
{
	for (; *glob; glob++) {
		if (*glob == '*')
			g_string_append(out, ".*");
		else if (*glob == '?')
			g_string_append_c(out, '.');
		else if (strchr("\\.+()[]{}^$", *glob))
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
		bool excludes = *m[i].glob == '!';

		if (out->str[out->len - 1] != '{')
			g_string_append_c(out, ',');
		g_string_append_printf(out, "%s%s\"", m[i].key, excludes ? "!~" : "=~");
		put_regex(out, m[i].glob + excludes);
		g_string_append_c(out, '"');
	}
}

/* A value that a rule compares. */
struct value {
	const struct metric *metric, *divisor;
	int64_t rate_ms;
	const struct alert_match *match;
	size_t n_match;
};

/* metric{vm=~"...",label=~"..."} */
static void put_selector(GString *out, const struct alert_rule *rule, const struct metric *metric,
			 const struct alert_match *match, size_t n_match)
{
	size_t n_vm = metric_scope_in_vm(metric->scope) ? rule->n_vm_match : 0;

	g_string_append(out, metric->prom);
	if (!n_vm && !n_match)
		return;
	g_string_append_c(out, '{');
	put_matches(out, rule->vm_match, n_vm);
	put_matches(out, match, n_match);
	g_string_append_c(out, '}');
}

/* A rate of what has no value now is none, though Prometheus has one for a while. */
static void put_counter(GString *out, const struct alert_rule *rule, const struct metric *metric,
			int64_t rate_ms, const struct alert_match *match, size_t n_match)
{
	bool is_rate = rate_ms && metric->kind == METRIC_COUNTER;

	if (is_rate) {
		g_string_append(out, "(rate(");
		put_selector(out, rule, metric, match, n_match);
		g_string_append_printf(out, "[%" G_GINT64_FORMAT "ms]) and ", rate_ms);
	}
	put_selector(out, rule, metric, match, n_match);
	if (is_rate)
		g_string_append_c(out, ')');
}

/* How the series of a metric find those of another one. */
static const char *join_of(const struct metric *metric, const struct metric *other)
{
	if (other->scope == metric->scope)
		return "";
	return metric_scope_in_vm(other->scope) ? "on (instance, job, vm, uuid) "
						: "on (instance, job) ";
}

/* held_ms: the last value that there was within that time; 0: that of now. */
static void put_value(GString *out, const struct alert_rule *rule, const struct value *v,
		      int64_t held_ms)
{
	bool computed = v->divisor || v->rate_ms;
	const char *join = v->divisor ? join_of(v->metric, v->divisor) : "";

	if (held_ms)
		g_string_append(out, computed ? "last_over_time((" : "last_over_time(");
	put_counter(out, rule, v->metric, v->rate_ms, v->match, v->n_match);
	if (v->divisor) {
		g_string_append_printf(out, " / %s%s(", join, *join ? "group_left () " : "");
		put_counter(out, rule, v->divisor, v->rate_ms,
			    v->divisor->scope == v->metric->scope ? v->match : NULL,
			    v->divisor->scope == v->metric->scope ? v->n_match : 0);
		g_string_append(out, " != 0)");
	}
	if (held_ms)
		g_string_append_printf(
			out, computed ? ")[%" G_GINT64_FORMAT "ms:])" : "[%" G_GINT64_FORMAT "ms])",
			held_ms);
}

static void put_comparison(GString *out, const struct alert_rule *rule, const struct value *v,
			   int64_t held_ms, enum rule_operator op, double limit)
{
	char number[G_ASCII_DTOSTR_BUF_SIZE];

	/* As people wrote it where that is the same number. */
	g_ascii_formatd(number, sizeof(number), "%.15g", limit);
	if (g_ascii_strtod(number, NULL) != limit)
		g_ascii_dtostr(number, sizeof(number), limit);
	g_string_append_c(out, '(');
	put_value(out, rule, v, held_ms);
	g_string_append_printf(out, " %s %s)", rule_operator_sign(op), number);
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

static void put_term(GString *out, const struct alert_rule *rule, const struct alert_term *term,
		     int64_t held_ms)
{
	const struct value v = {term->metric, term->divisor, term->rate_ms, term->match,
				term->n_match};

	put_comparison(out, rule, &v, held_ms, term->op, term->threshold);
}

/* ((VALUE > LIMIT) and on (...) (TERM)) or (TERM) */
static void put_condition(GString *out, const struct alert_rule *rule, int64_t held_ms,
			  double limit)
{
	const struct value v = {rule->metric, rule->divisor, rule->rate_ms, rule->match,
				rule->n_match};

	g_string_append_c(out, '(');
	put_comparison(out, rule, &v, held_ms, rule->op, limit);
	put_tags(out, rule);
	for (size_t i = 0; i < rule->n_ands; i++) {
		const char *join = join_of(rule->metric, rule->terms[i].metric);

		g_string_append(out, " and ");
		if (*join) {
			g_string_append(out, join);
		} else {
			g_string_append(out, "on (");
			put_keys(out, rule->metric);
			g_string_append(out, ") ");
		}
		put_term(out, rule, &rule->terms[i], held_ms);
	}
	g_string_append_c(out, ')');
	for (size_t i = rule->n_ands; i < rule->n_ands + rule->n_ors; i++) {
		g_string_append(out, " or (");
		put_term(out, rule, &rule->terms[i], held_ms);
		put_tags(out, rule);
		g_string_append_c(out, ')');
	}
}

char *promrules_expr(const struct alert_rule *rule)
{
	/* Less by a moment: a range has no open end in every version. */
	int64_t held_ms = MAX(alert_rule_held_ms(rule) - 1, 0);
	GString *out = g_string_new(NULL);

	if (rule->heartbeat)
		return g_string_free(g_string_assign(out, "vector(1)"), FALSE);
	put_condition(out, rule, 0, rule->threshold);
	if (!held_ms && rule->resolve == rule->threshold)
		return g_string_free(out, FALSE);
	/* While it fires: another limit, and what is missing is as it was while the VM is there. */
	g_string_append(out, " or ((");
	put_condition(out, rule, held_ms, rule->resolve);
	g_string_append_c(out, ')');
	if (metric_scope_in_vm(rule->metric->scope))
		g_string_append(out, " and on (instance, job, vm, uuid) (vm_up == 1)");
	g_string_append(out, " and on (");
	put_keys(out, rule->metric);
	g_string_append_printf(out, ") ALERTS{alertname=\"%s\",alertstate=\"firing\"})", rule->id);
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
		return value_template(rule->shown);
	if (strcmp(name, "threshold") == 0)
		return alert_number(rule->shown, rule->threshold);
	if (strcmp(name, "unit") == 0)
		return g_strdup(rule->shown->unit);
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
	    strcmp(name, "stall_cause") == 0 || strcmp(name, "down_reason") == 0 ||
	    strcmp(name, "since") == 0)
		return NULL;
	if (strcmp(name, "metric") == 0 && !has_key(rule->metric, name))
		return g_strdup(rule->metric->name);
	return g_strdup_printf("{{ $labels.%s }}", name);
}

static char *template_of(const struct alert_rule *rule, const char *text)
{
	return alert_text_fill(text, rule->shown, word_of, (void *)rule);
}

/* A YAML string in double quotes. */
static void put_quoted(struct textbuf *out, const char *key, const char *text)
{
	textbuf_printf(out, "%s: \"", key);
	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			textbuf_append(out, "\\n");
		else if (*p == '\t')
			textbuf_append(out, "\\t");
		else if (*p == '"' || *p == '\\')
			textbuf_printf(out, "\\%c", *p);
		else
			textbuf_printf(out, "%c", *p);
	}
	textbuf_append(out, "\"\n");
}

static void put_duration(struct textbuf *out, const char *key, int64_t ms)
{
	if (ms)
		textbuf_printf(out, "        %s: %" G_GINT64_FORMAT "ms\n", key, ms);
}

static void put_text(struct textbuf *out, const struct alert_rule *rule, const char *key,
		     const char *text)
{
	g_autofree char *name = g_strdup_printf("          %s", key);
	g_autofree char *filled = template_of(rule, text);

	if (*filled)
		put_quoted(out, name, filled);
}

static void put_rule(struct textbuf *out, const struct alert_rule *rule)
{
	g_autofree char *expr = promrules_expr(rule);
	g_autofree char *text = rule->heartbeat && !*rule->text
					? g_strdup("{name}: alerts of {host} get through")
					: alert_template(rule);

	textbuf_printf(out, "      - alert: %s\n", rule->id);
	put_quoted(out, "        expr", expr);
	if (!rule->heartbeat) {
		put_duration(out, "for", rule->for_ms);
		put_duration(out, "keep_firing_for", rule->keep_ms);
	}
	textbuf_printf(out, "        labels:\n          severity: %s\n",
		       alert_severity_name(rule->severity));
	for (size_t i = 0; i < rule->n_labels; i++) {
		g_autofree char *name = g_strdup_printf("          %s", rule->labels[i].key);

		put_quoted(out, name, rule->labels[i].value);
	}
	textbuf_append(out, "        annotations:\n");
	put_text(out, rule, "summary", text);
	put_text(out, rule, "description", rule->description);
	if (rule->runbook_url)
		put_text(out, rule, "runbook_url", rule->runbook_url);
	for (size_t i = 0; i < rule->n_annotations; i++)
		put_text(out, rule, rule->annotations[i].key, rule->annotations[i].value);
}

/* What no agent can say of itself: that it is down, or was never there. */
static const char self_rules[] =
	"  - name: kvmlens-self\n"
	"    rules:\n"
	"      - alert: kvmlens-down\n"
	"        expr: \"(up == 0) and on (instance, job) "
	"last_over_time(kvmlens_uptime_seconds[1d])\"\n"
	"        for: 5m\n"
	"        labels:\n"
	"          severity: critical\n"
	"        annotations:\n"
	"          summary: \"kvmlens on {{ $labels.instance }} does not answer: nothing is known of "
	"its VMs\"\n"
	"      - alert: kvmlens-absent\n"
	"        expr: \"absent(kvmlens_uptime_seconds)\"\n"
	"        for: 5m\n"
	"        labels:\n"
	"          severity: critical\n"
	"        annotations:\n"
	"          summary: \"no kvmlens at all is scraped\"\n"
	"      - alert: kvmlens-watchdog\n"
	"        expr: \"vector(1)\"\n"
	"        labels:\n"
	"          severity: info\n"
	"        annotations:\n"
	"          summary: \"always fires: send it to a receiver that raises the alarm once it "
	"stops\"\n";

void promrules_render(const struct alert_rules *rules, struct textbuf *out)
{
	textbuf_append(out, "# Made by kvmlens alerts export --prometheus; for Prometheus 2.42 and "
			    "later.\n# Not in here: repeat, channels, silences and inhibition "
			    "are Alertmanager's.\ngroups:\n  - name: kvmlens\n    rules:");
	textbuf_append(out, rules->rules->len ? "\n" : " []\n");
	for (guint i = 0; i < rules->rules->len; i++)
		put_rule(out, g_ptr_array_index(rules->rules, i));
	textbuf_append(out, self_rules);
}
