// SPDX-License-Identifier: Apache-2.0
/*
 * Alertmanager's v2 API. It takes an alert whose endsAt has passed for resolved, so that one that
 * fires has its endsAt some resend intervals ahead, and is told again before that.
 */
#include <math.h>
#include <string.h>
#include "alert/channel.h"
#include "alert/encode.h"

#define PATH "/api/v2/alerts"
#define RESENDS_MISSED 4

/* [a-zA-Z_][a-zA-Z0-9_]* */
static char *label_name(const char *key)
{
	char *name = g_strdup(key);

	for (char *p = name; *p; p++)
		if (!g_ascii_isalpha(*p) && (p == name || !g_ascii_isdigit(*p)))
			*p = '_';
	return name;
}

/*
 * The labels that the same alert has when Prometheus makes it of the exported rules, so that
 * Alertmanager takes both for one: alertname is the rule's id; job and instance are what the scrape
 * is configured with, which the channel's labels say where they differ. An empty one is none.
 */
static json_t *labels_json(const struct config_channel *channel, const struct message *message,
			   const struct notification *n)
{
	json_t *labels = json_object();

	json_object_set_new(labels, "instance", json_string(message->node));
	json_object_set_new(labels, "job", json_string("kvmlens"));
	for (size_t i = 0; i < n->n_labels && i < ENCODE_LABELS_MAX; i++) {
		g_autofree char *name = label_name(n->labels[i].key);
		g_autofree char *value = notification_text(n->labels[i].value, 256, false);

		if (*name)
			json_object_set_new(labels, name, json_string(value));
	}
	json_object_set_new(labels, "alertname", json_string(n->rule_id));
	json_object_set_new(labels, "severity", json_string(alert_severity_name(n->severity)));
	for (size_t i = 0; i < channel->n_labels; i++) {
		if (*channel->labels[i].value)
			json_object_set_new(labels, channel->labels[i].key,
					    json_string(channel->labels[i].value));
		else
			json_object_del(labels, channel->labels[i].key);
	}
	return labels;
}

static void add_number(json_t *object, const char *key, double value)
{
	g_autofree char *text = isfinite(value) ? g_strdup_printf("%.10g", value) : NULL;

	if (text)
		json_object_set_new(object, key, json_string(text));
}

static void add_text(json_t *object, const char *key, const char *text)
{
	g_autofree char *clean = notification_text(text, ENCODE_DESCRIPTION_MAX, true);

	if (*clean)
		json_object_set_new(object, key, json_string(clean));
}

static json_t *annotations_json(const struct message *message, const struct notification *n)
{
	json_t *json = json_object();

	for (size_t i = 0; i < n->n_annotations; i++)
		add_text(json, n->annotations[i].key, n->annotations[i].value);
	add_text(json, "summary", n->summary);
	add_text(json, "description", n->description);
	add_text(json, "runbook_url", n->runbook_url);
	add_text(json, "name", n->rule_name);
	add_text(json, "node", message->node);
	add_text(json, "metric", n->metric);
	add_text(json, "status", alert_status_name(n->status));
	add_number(json, "value", n->value);
	add_number(json, "threshold", n->threshold);
	return json;
}

static int64_t ends_ms(const struct config_channel *channel, const struct message *message,
		       const struct notification *n)
{
	if (n->status != ALERT_RESOLVED)
		return message->now_ms + (int64_t)RESENDS_MISSED * channel->resend_ms;
	return n->ends_ms && n->ends_ms < message->now_ms ? n->ends_ms : message->now_ms;
}

static json_t *alert_json(const struct config_channel *channel, const struct message *message,
			  const struct notification *n)
{
	g_autofree char *starts = notification_time(n->starts_ms);
	g_autofree char *ends = notification_time(ends_ms(channel, message, n));

	return json_pack("{s:o,s:o,s:s,s:s,s:s*}", "labels", labels_json(channel, message, n),
			 "annotations", annotations_json(message, n), "startsAt", starts, "endsAt",
			 ends, "generatorURL", message->link);
}

/* Is there newer news of this alert in the message? Only the last is a state. */
static bool is_outdated(const struct message *message, size_t i)
{
	for (size_t j = i + 1; j < message->n; j++)
		if (strcmp(message->alerts[i]->alert_id, message->alerts[j]->alert_id) == 0)
			return true;
	return false;
}

static void render(const struct config_channel *channel, const struct secrets *secrets,
		   const struct message *message, struct request *ret_request)
{
	json_t *list = json_array();

	for (size_t i = 0; i < message->n; i++)
		if (!is_outdated(message, i))
			json_array_append_new(list,
					      alert_json(channel, message, message->alerts[i]));
	channel_post_json(channel, secrets, message, list, ret_request);
	if (!g_str_has_suffix(ret_request->url, PATH)) {
		g_autofree char *base = g_steal_pointer(&ret_request->url);
		size_t len = strlen(base);

		while (len && base[len - 1] == '/')
			base[--len] = 0;
		ret_request->url = g_strconcat(base, PATH, NULL);
	}
}

const struct channel_ops channel_alertmanager = {.render = render, .tell_again = true};
