// SPDX-License-Identifier: Apache-2.0
#include "alert/text.h"

#include <string.h>
#include <time.h>

char *alert_number(const struct metric *metric, double value)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	size_t i = 0;

	if (isnan(value))
		return g_strdup("?");
	if (strcmp(metric->unit, "seconds") == 0 && fabs(value) >= 86400)
		return g_strdup_printf("%.3g days", value / 86400);
	if (strcmp(metric->unit, "seconds") == 0 && fabs(value) >= 3600)
		return g_strdup_printf("%.3g hours", value / 3600);
	if (strcmp(metric->unit, "seconds") == 0)
		return g_strdup_printf("%.3g s", value);
	if (strcmp(metric->unit, "bytes"))
		return g_strdup_printf("%.4g", value);
	while (i + 1 < G_N_ELEMENTS(units) && fabs(value) >= 1024) {
		value /= 1024;
		i++;
	}
	return g_strdup_printf("%.4g %s", value, units[i]);
}

static char *aggressor_text(const struct snap_vm *vm)
{
	const struct snap_aggressor *a;
	const char *by;

	if (!vm || !vm->aggressors.n)
		return g_strdup("?");
	a = entities_at(&vm->aggressors, 0);
	by = labels_get(a->labels, "by");
	return isnan(a->percent) ? g_strdup(by ? by : "?")
				 : g_strdup_printf("%s (%.3g %%)", by ? by : "?", a->percent);
}

static char *since_text(int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	char text[32] = "?";
	struct tm tm;

	if (ms && gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return g_strdup(text);
}

static char *duration_text(int64_t ms)
{
	int64_t s = ms / 1000;

	if (s >= 3600)
		return g_strdup_printf("%" G_GINT64_FORMAT "h%" G_GINT64_FORMAT "m", s / 3600,
				       s / 60 % 60);
	if (s >= 60 && s % 60)
		return g_strdup_printf("%" G_GINT64_FORMAT "m%" G_GINT64_FORMAT "s", s / 60,
				       s % 60);
	return s >= 60 ? g_strdup_printf("%" G_GINT64_FORMAT "m", s / 60)
		       : g_strdup_printf("%" G_GINT64_FORMAT "s", s);
}

/* What stands for one name; g_free. */
static char *value_of(const char *name, const struct alert_subject *s)
{
	const struct alert_rule *rule = s->rule;
	const char *label;

	if (strcmp(name, "value") == 0)
		return alert_number(rule->metric, s->record->value);
	if (strcmp(name, "threshold") == 0)
		return alert_number(rule->metric, rule->threshold);
	if (strcmp(name, "top_aggressor") == 0)
		return aggressor_text(s->vm);
	if (strcmp(name, "since") == 0)
		return since_text(s->record->since_ms);
	if (strcmp(name, "duration") == 0)
		return duration_text(s->now_ms - s->record->since_ms);
	if (strcmp(name, "unit") == 0)
		return g_strdup(rule->metric->unit);
	if (strcmp(name, "severity") == 0)
		return g_strdup(alert_severity_name(rule->severity));
	if (strcmp(name, "rule") == 0)
		return g_strdup(rule->id);
	if (strcmp(name, "name") == 0)
		return g_strdup(rule->name);
	if (strcmp(name, "host") == 0)
		return g_strdup(s->host);
	label = labels_get(s->record->labels, name);
	if (!label && strcmp(name, "metric") == 0)
		label = rule->metric->name;
	return g_strdup(label ? label : "?");
}

char *alert_text(const char *text, const struct alert_subject *subject)
{
	GString *out = g_string_new(NULL);

	while (*text) {
		size_t plain = strcspn(text, "{"), len;
		g_autofree char *name = NULL, *value = NULL;

		g_string_append_len(out, text, plain);
		text += plain;
		if (!*text)
			break;
		if (text[1] == '{') {
			g_string_append_c(out, '{');
			text += 2;
			continue;
		}
		len = strcspn(text + 1, "}");
		name = g_strndup(text + 1, len);
		value = value_of(name, subject);
		g_string_append(out, value);
		text += 1 + len;
		text += *text == '}';
	}
	return g_string_free(out, FALSE);
}

char *alert_summary(const struct alert_subject *s)
{
	g_autofree char *value = NULL, *threshold = NULL;
	g_autoptr(GString) who = NULL;
	const struct labels *labels = s->record->labels;

	if (*s->rule->text)
		return alert_text(s->rule->text, s);
	value = alert_number(s->rule->metric, s->record->value);
	threshold = alert_number(s->rule->metric, s->rule->threshold);
	who = g_string_new(NULL);
	for (size_t i = 0; i < labels->n; i++)
		if (strcmp(labels->kv[i].key, "uuid"))
			g_string_append_printf(who, "%s%s", who->len ? ", " : " of ",
					       labels->kv[i].value);
	return g_strdup_printf("%s: %s%s is %s (%s %s)", s->rule->name, s->rule->metric->name,
			       who->str, value, rule_operator_sign(s->rule->op), threshold);
}
