// SPDX-License-Identifier: Apache-2.0
#include "alert/text.h"

#include <string.h>
#include <time.h>
#include "metric/stall.h"

static bool has_unit(const struct metric *metric, const char *unit)
{
	return strcmp(metric->unit, unit) == 0;
}

const char *alert_unit(const struct metric *metric)
{
	if (has_unit(metric, "percent"))
		return " %";
	return has_unit(metric, "ms") ? " ms" : "";
}

static char *seconds_text(double value)
{
	if (fabs(value) >= 2 * 86400)
		return g_strdup_printf("%.3g days", value / 86400);
	if (fabs(value) >= 2 * 3600)
		return g_strdup_printf("%.3g hours", value / 3600);
	if (fabs(value) >= 2 * 60)
		return g_strdup_printf("%.3g minutes", value / 60);
	return g_strdup_printf("%.3g s", value);
}

static char *bytes_text(double value, const char *per)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	size_t i = 0;

	for (; i + 1 < G_N_ELEMENTS(units) && fabs(value) >= 1024; i++)
		value /= 1024;
	return g_strdup_printf("%.4g %s%s", value, units[i], per);
}

char *alert_number(const struct metric *metric, double value)
{
	if (isnan(value))
		return g_strdup("unknown");
	if (has_unit(metric, "seconds"))
		return seconds_text(value);
	if (has_unit(metric, "bytes"))
		return bytes_text(value, "");
	if (has_unit(metric, "bytes/s"))
		return bytes_text(value, "/s");
	return g_strdup_printf("%.4g%s", value, alert_unit(metric));
}

/* Who takes the most of the VM's time, NULL: nobody that is known. */
static char *aggressor_text(const struct snap_vm *vm)
{
	const struct snap_aggressor *a;
	const char *by;

	if (!vm || !vm->aggressors.n)
		return NULL;
	a = entities_at(&vm->aggressors, 0);
	by = labels_get(a->labels, "by");
	if (!by || !(a->percent > 0))
		return NULL;
	return g_strdup_printf("%s (%.3g %%)", by, a->percent);
}

/* The VM's last stall, NULL: it had none. */
static const struct snap_stall_event *last_stall(const struct snap_vm *vm)
{
	return vm && vm->stall_events.n ? entities_at(&vm->stall_events, 0) : NULL;
}

/* A recording has its label alone. */
static enum stall_cause event_cause(const struct snap_stall_event *e)
{
	return e->cause ? (enum stall_cause)e->cause
			: stall_cause_find(labels_get(e->labels, "cause"));
}

static char *down_text(const struct snap_vm *vm)
{
	return vm && vm->downs.n ? g_strdup(((struct snap_down *)entities_at(&vm->downs, 0))->text)
				 : NULL;
}

static char *stall_time_text(const struct snap_vm *vm)
{
	const struct snap_stall_event *e = last_stall(vm);

	if (!e)
		return NULL;
	return e->seconds < 10 ? g_strdup_printf("%.1fs", e->seconds)
			       : alert_lasted((int64_t)(e->seconds * 1000));
}

static char *stall_cause_text_of(const struct snap_vm *vm)
{
	const struct snap_stall_event *e = last_stall(vm);

	return e ? g_strdup(stall_cause_text(event_cause(e))) : NULL;
}

static char *since_text(int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	if (!ms || !gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return NULL;
	return g_strdup(text);
}

static char *two_parts(int64_t n, int64_t base, char large, char small)
{
	if (n % base)
		return g_strdup_printf("%" G_GINT64_FORMAT "%c%" G_GINT64_FORMAT "%c", n / base,
				       large, n % base, small);
	return g_strdup_printf("%" G_GINT64_FORMAT "%c", n / base, large);
}

char *alert_lasted(int64_t ms)
{
	int64_t s = MAX(ms, 0) / 1000;

	if (s >= 86400)
		return two_parts(s / 3600, 24, 'd', 'h');
	if (s >= 3600)
		return two_parts(s / 60, 60, 'h', 'm');
	return s >= 60 ? two_parts(s, 60, 'm', 's') : g_strdup_printf("%ds", (int)s);
}

static char *word_of(void *arg, const char *name)
{
	const struct alert_subject *s = arg;
	const struct alert_rule *rule = s->rule;
	const char *label;

	if (strcmp(name, "value") == 0)
		return alert_number(rule->shown, s->record->value);
	if (strcmp(name, "threshold") == 0)
		return alert_number(rule->shown, rule->threshold);
	if (strcmp(name, "top_aggressor") == 0)
		return aggressor_text(s->vm);
	if (strcmp(name, "down_reason") == 0)
		return down_text(s->vm);
	if (strcmp(name, "stall_time") == 0)
		return stall_time_text(s->vm);
	if (strcmp(name, "stall_cause") == 0)
		return stall_cause_text_of(s->vm);
	if (strcmp(name, "since") == 0)
		return since_text(s->record->since_ms);
	if (strcmp(name, "duration") == 0)
		return alert_lasted(s->now_ms - s->record->since_ms);
	if (strcmp(name, "unit") == 0)
		return g_strdup(rule->shown->unit);
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
	return g_strdup(label);
}

/* The length of a unit in words behind a number that has it already: " %", " {unit}". */
static size_t said_unit(const char *text, const struct metric *metric)
{
	static const struct {
		const char *unit, *words[4];
	} said[] = {
		{"percent", {"%", "percent"}},
		{"ms", {"ms", "milliseconds"}},
		{"seconds", {"seconds", "s"}},
		{"bytes", {"bytes", "B"}},
		{"bytes/s", {"bytes/s", "B/s", "bytes a second"}},
	};
	size_t blanks = strspn(text, " ");

	for (size_t i = 0; i < G_N_ELEMENTS(said); i++) {
		if (!has_unit(metric, said[i].unit))
			continue;
		if (g_str_has_prefix(text + blanks, "{unit}"))
			return blanks + strlen("{unit}");
		for (const char *const *word = said[i].words; *word; word++) {
			size_t len = blanks + strlen(*word);

			if (g_str_has_prefix(text + blanks, *word) && !g_ascii_isalnum(text[len]) &&
			    text[len] != '/')
				return len;
		}
	}
	return 0;
}

/* Does a clause begin, or end, here? A colon or a full stop between digits is neither. */
static bool is_break(const char *text, bool begins)
{
	if (begins)
		return (*text == ' ' && text[1] == '(') ||
		       (strchr(",;:.", *text) && *text && text[1] == ' ');
	return *text == ')' || (strchr(",;.", *text) && *text && (text[1] == ' ' || !text[1]));
}

struct filling {
	GString *out;
	size_t clause; /* of out: where the clause begins; SIZE_MAX: the text's first one */
};

static void put_plain(struct filling *f, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (is_break(text + i, true))
			f->clause = f->out->len;
		g_string_append_c(f->out, text[i]);
	}
}

/* Leave out the clause; returns where the text goes on. */
static const char *drop_clause(struct filling *f, const char *rest)
{
	bool bracket = f->out->str[f->clause] == ' ', stop = f->out->str[f->clause] == '.';

	/* A sentence's full stop ends the one before, which stays. */
	g_string_truncate(f->out, f->clause + stop);
	while (*rest && !(bracket ? *rest == ')' : is_break(rest, false)))
		rest++;
	if (bracket && *rest)
		rest++;
	if (stop && *rest == '.')
		rest++;
	f->clause = SIZE_MAX;
	return rest;
}

char *alert_text_fill(const char *text, const struct metric *metric, alert_word_fn fn, void *arg)
{
	struct filling f = {.out = g_string_new(NULL), .clause = SIZE_MAX};

	while (*text) {
		size_t plain = strcspn(text, "{"), len;
		g_autofree char *name = NULL, *word = NULL;

		put_plain(&f, text, plain);
		text += plain;
		if (!*text)
			break;
		if (text[1] == '{') {
			word = fn(arg, "{");
			g_string_append(f.out, word ? word : "{");
			text += 2;
			continue;
		}
		len = strcspn(text + 1, "}");
		name = g_strndup(text + 1, len);
		word = fn(arg, name);
		text += 1 + len;
		text += *text == '}';
		if (!word && f.clause != SIZE_MAX) {
			text = drop_clause(&f, text);
			continue;
		}
		g_string_append(f.out, word ? word : "unknown");
		if (strcmp(name, "value") == 0 || strcmp(name, "threshold") == 0)
			text += said_unit(text, metric);
	}
	return g_string_free(f.out, FALSE);
}

char *alert_text(const char *text, const struct alert_subject *subject)
{
	return alert_text_fill(text, subject->rule->shown, word_of, (void *)subject);
}

/* A template in which a rule's own text stands as it is. */
static void put_literal(GString *out, const char *text)
{
	for (; *text; text++)
		g_string_append(out, *text == '{' ? "{{" : (char[]){*text, '\0'});
}

char *alert_template(const struct alert_rule *rule)
{
	g_auto(GStrv) keys = g_strsplit(metric_scopes[rule->metric->scope].keys, ", ", -1);
	GString *out = g_string_new(rule->text);
	const char *glue = " of ";

	if (out->len)
		return g_string_free(out, FALSE);
	put_literal(out, rule->name);
	g_string_append_printf(out, ": %s", rule->metric->name);
	for (char **key = keys; *key; key++) {
		if (!**key || !strcmp(*key, "...") || !strcmp(*key, "uuid"))
			continue;
		g_string_append_printf(out, "%s{%s}", glue, *key);
		glue = "/";
	}
	g_string_append_printf(out, " is {value} (%s {threshold})", rule_operator_sign(rule->op));
	return g_string_free(out, FALSE);
}

/* " of db-1, vda": whatever the alert is of, without what only machines read. */
static char *who_of(const struct labels *labels)
{
	GString *who = g_string_new(NULL);

	for (size_t i = 0; i < labels->n; i++)
		if (strcmp(labels->kv[i].key, "uuid"))
			g_string_append_printf(who, "%s%s", who->len ? ", " : "",
					       labels->kv[i].value);
	return g_string_free(who, FALSE);
}

static int64_t lasted_ms(const struct alert_record *r, int64_t now_ms)
{
	int64_t since = r->since_ms ? r->since_ms : r->fired_ms;

	return since ? (r->over_ms ? r->over_ms : now_ms) - since : 0;
}

char *alert_summary_ended(const char *rule_name, const struct alert_record *record, int64_t now_ms,
			  const char *reason)
{
	g_autofree char *who = who_of(record->labels);
	g_autofree char *lasted = alert_lasted(lasted_ms(record, now_ms));

	return g_strdup_printf("%s%s%s: over after %s%s%s", rule_name, *who ? ": " : "", who,
			       lasted, *reason ? ": " : "", reason);
}

/* How things are now, "": there is nothing to say of it. */
static char *now_text(const struct alert_subject *s)
{
	static const char *const wordless[] = {"bool", "code", "info", NULL};
	const struct metric *metric = s->rule->metric;
	const struct snap_stall_event *stall = last_stall(s->vm);
	g_autofree char *value = NULL;

	if (strcmp(metric->name, "vm.stall.active") == 0 && stall && !stall->active) {
		value = stall_time_text(s->vm);
		return g_strdup_printf("; the last stall took %s: %s", value,
				       stall_cause_text(event_cause(stall)));
	}
	if (isnan(s->record->value) || g_strv_contains(wordless, metric->unit))
		return g_strdup("");
	value = alert_number(s->rule->shown, s->record->value);
	return g_strdup_printf("; %s is %s now", metric->name, value);
}

static char *resolved_text(const struct alert_subject *s)
{
	const char *reason = s->reason ? s->reason : "";
	g_autofree char *ended = alert_summary_ended(s->rule->name, s->record, s->now_ms, reason);
	g_autofree char *now = *reason ? g_strdup("") : now_text(s);

	return g_strconcat(ended, now, NULL);
}

char *alert_summary(const struct alert_subject *s)
{
	g_autofree char *template = NULL, *who = NULL;

	if (s->status == ALERT_RESOLVED)
		return resolved_text(s);
	if (s->status == ALERT_NODATA) {
		who = who_of(s->record->labels);
		return g_strdup_printf("%s: %s%s%s is missing", s->rule->name,
				       s->rule->metric->name, *who ? " of " : "", who);
	}
	template = alert_template(s->rule);
	return alert_text(template, s);
}
