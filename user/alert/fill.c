// SPDX-License-Identifier: Apache-2.0
#include "alert/fill.h"

#include <math.h>
#include <string.h>
#include "alert/encode.h"
#include "config/channel_template.h"

static json_t *tags_json(const struct kvmlens_tag *tags, size_t n)
{
	json_t *object = json_object();

	for (size_t i = 0; i < n; i++) {
		g_autofree char *value =
			notification_text(tags[i].value, ENCODE_DESCRIPTION_MAX, true);

		json_object_set_new(object, tags[i].key, json_string(value));
	}
	return object;
}

/* All that is known, as texts: for services that show a table. */
static json_t *details_json(const struct message *message, const struct notification *n)
{
	json_t *details = tags_json(n->labels, n->n_labels);
	json_auto_t *annotations = tags_json(n->annotations, n->n_annotations);
	const struct kvmlens_tag more[] = {
		{"node", message->node},
		{"rule", n->rule_id},
		{"metric", n->metric},
		{"description", n->description},
		{"runbook_url", n->runbook_url ? n->runbook_url : ""},
	};
	json_auto_t *others = tags_json(more, G_N_ELEMENTS(more));

	json_object_update(details, annotations);
	json_object_update(details, others);
	return details;
}

static json_t *links_json(const struct message *message, const struct notification *n)
{
	json_t *links = json_array();

	if (n->runbook_url)
		json_array_append_new(
			links, json_pack("{s:s,s:s}", "href", n->runbook_url, "text", "runbook"));
	if (message->link)
		json_array_append_new(
			links, json_pack("{s:s,s:s}", "href", message->link, "text", "kvmlens"));
	return links;
}

static json_t *alerts_json(const struct message *message)
{
	json_t *alerts = json_array();

	for (size_t i = 0; i < message->n; i++)
		json_array_append_new(alerts, notification_encode(message->alerts[i]));
	return alerts;
}

/* A value that is JSON, NULL: the name is of another kind. */
static char *json_value(const char *name, const struct message *message)
{
	const struct notification *n = message->alerts[0];
	json_auto_t *json = NULL;

	if (strcmp(name, "alerts") == 0)
		json = alerts_json(message);
	else if (strcmp(name, "labels") == 0)
		json = tags_json(n->labels, n->n_labels);
	else if (strcmp(name, "details") == 0)
		json = details_json(message, n);
	else if (strcmp(name, "links") == 0)
		json = links_json(message, n);
	return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

static const char *tag_value(const struct kvmlens_tag *tags, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(tags[i].key, key) == 0)
			return tags[i].value;
	return "";
}

static char *number_text(double value)
{
	return isfinite(value) ? g_strdup_printf("%.10g", value) : g_strdup("");
}

static char *all_text(const struct message *message)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < message->n; i++) {
		if (i)
			g_string_append_c(text, '\n');
		message_append_alert(message->alerts[i], text);
	}
	g_string_truncate(text, text->len - (text->len && text->str[text->len - 1] == '\n'));
	return g_string_free(text, FALSE);
}

static char *number_value(const char *name, const struct message *message)
{
	const struct notification *n = message->alerts[0];

	if (strcmp(name, "value") == 0)
		return number_text(n->value);
	if (strcmp(name, "threshold") == 0)
		return number_text(n->threshold);
	if (strcmp(name, "count") == 0)
		return g_strdup_printf("%zu", message->n);
	if (strcmp(name, "starts_ms") == 0)
		return g_strdup_printf("%" G_GINT64_FORMAT, n->starts_ms);
	if (strcmp(name, "starts") == 0)
		return notification_time(n->starts_ms);
	if (strcmp(name, "ends") == 0)
		return n->ends_ms ? notification_time(n->ends_ms) : g_strdup("");
	if (strcmp(name, "at") == 0)
		return notification_time(n->at_ms);
	return NULL;
}

static char *composed_value(const char *name, const struct message *message)
{
	const struct notification *n = message->alerts[0];
	bool over = n->status == ALERT_RESOLVED;
	static const char *const colours[] = {"accent", "warning", "attention"};
	static const char *const priorities[] = {"P5", "P3", "P1"};

	if (strcmp(name, "title") == 0)
		return message_title(message, ENCODE_SUMMARY_MAX);
	if (strcmp(name, "text") == 0)
		return all_text(message);
	if (strcmp(name, "dedup") == 0) /* one host's alert, whenever it is sent */
		return g_strdup_printf("%s-%s", message->node, n->alert_id);
	if (strcmp(name, "action") == 0)
		return g_strdup(over ? "resolve" : "trigger");
	if (strcmp(name, "color") == 0)
		return g_strdup(over ? "good" : colours[n->severity]);
	if (strcmp(name, "priority") == 0)
		return g_strdup(priorities[n->severity]);
	return number_value(name, message);
}

static char *plain_value(const char *name, const struct message *message,
			 const struct secrets *secrets)
{
	const struct notification *n = message->alerts[0];
	const struct {
		const char *name, *value;
	} texts[] = {
		{"status", alert_status_name(n->status)},
		{"severity", alert_severity_name(n->severity)},
		{"node", message->node},
		{"key", message->key},
		{"alert", n->alert_id},
		{"rule", n->rule_id},
		{"name", n->rule_name},
		{"group", n->group_key},
		{"metric", n->metric},
		{"summary", n->summary},
		{"description", n->description},
		{"runbook_url", n->runbook_url},
		{"link", message->link},
		{"token", secrets->token},
		{"vm", tag_value(n->labels, n->n_labels, "vm")},
		{"uuid", tag_value(n->labels, n->n_labels, "uuid")},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		if (strcmp(texts[i].name, name) == 0)
			return g_strdup(texts[i].value ? texts[i].value : "");
	if (g_str_has_prefix(name, "labels."))
		return g_strdup(tag_value(n->labels, n->n_labels, name + strlen("labels.")));
	if (g_str_has_prefix(name, "annotations."))
		return g_strdup(
			tag_value(n->annotations, n->n_annotations, name + strlen("annotations.")));
	return composed_value(name, message);
}

static void put_json(GString *out, const char *text)
{
	json_auto_t *json = json_string(text);
	char *quoted = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);

	if (quoted)
		g_string_append_len(out, quoted + 1, (gssize)strlen(quoted) - 2);
	free(quoted);
}

static void put_value(GString *out, enum fill_form form, const char *value, size_t max)
{
	g_autofree char *clean =
		notification_text(value, ENCODE_DESCRIPTION_MAX * 4, form != FILL_LINE);
	g_autofree char *escaped = NULL;

	if ((size_t)g_utf8_strlen(clean, -1) > max)
		*g_utf8_offset_to_pointer(clean, (glong)max) = '\0';
	if (form == FILL_JSON) {
		put_json(out, clean);
	} else if (form == FILL_URL) {
		escaped = g_uri_escape_string(clean, NULL, FALSE);
		g_string_append(out, escaped);
	} else {
		g_string_append(out, clean);
	}
	explicit_bzero(clean, strlen(clean));
}

static void put_word(GString *out, enum fill_form form, const char *name, size_t max,
		     const struct message *message, const struct secrets *secrets)
{
	char *json = json_value(name, message);
	char *value = json ? NULL : plain_value(name, message, secrets);

	if (json && form != FILL_URL)
		g_string_append(out, json);
	else if (value && !*value && form == FILL_JSON &&
		 (strcmp(name, "value") == 0 || strcmp(name, "threshold") == 0))
		g_string_append(out, "null");
	else if (json || value)
		put_value(out, form, json ? json : value, max);
	if (value)
		explicit_bzero(value, strlen(value));
	free(json);
	g_free(value);
}

char *message_fill(const char *template, enum fill_form form, const struct message *message,
		   const struct secrets *secrets)
{
	GString *out = g_string_new(NULL);
	struct template_word word;

	while (template_next(&template, &word)) {
		g_autofree char *name = g_strndup(word.name, word.name_len);

		g_string_append_len(out, word.plain, (gssize)word.plain_len);
		if (word.name_len)
			put_word(out, form, name, word.max, message, secrets);
	}
	return g_string_free(out, FALSE);
}
