// SPDX-License-Identifier: Apache-2.0
#include "alert/channel.h"

#include <math.h>
#include <string.h>
#include "alert/encode.h"
#include "alert/fill.h"
#include "alert/text.h"

const struct channel_ops *channel_ops_of(enum channel_type type)
{
	static const struct channel_ops *const table[CHANNEL_TYPES] = {
		[CHANNEL_EMAIL] = &channel_email,
		[CHANNEL_SLACK] = &channel_slack,
		[CHANNEL_WEBHOOK] = &channel_webhook,
		[CHANNEL_ALERTMANAGER] = &channel_alertmanager,
		[CHANNEL_JOURNAL] = &channel_journal,
		[CHANNEL_PAGERDUTY] = &channel_pagerduty,
		[CHANNEL_OPSGENIE] = &channel_opsgenie,
		[CHANNEL_TEAMS] = &channel_teams,
	};

	return table[type];
}

char *message_title(const struct message *message, size_t max)
{
	const struct notification *n = message->alerts[0];
	g_autofree char *status = g_ascii_strup(alert_status_name(n->status), -1);
	g_autofree char *title =
		message->n == 1
			? g_strdup_printf("[%s] %.64s: %s", status, message->node, n->summary)
			: g_strdup_printf("[%s] %.64s: %zu alerts: %s", status, message->node,
					  message->n, n->rule_name);

	return notification_text(title, max, false);
}

static void append_labels(const struct notification *n, GString *text)
{
	for (size_t i = 0; i < n->n_labels; i++) {
		g_autofree char *value = notification_text(n->labels[i].value, 256, false);

		g_string_append_printf(text, "%s%s=%s", i ? ", " : "", n->labels[i].key, value);
	}
	if (n->n_labels)
		g_string_append_c(text, '\n');
}

static void append_line(GString *text, const char *line, size_t max, bool lines)
{
	g_autofree char *clean = notification_text(line, max, lines);

	if (*clean)
		g_string_append_printf(text, "%s\n", clean);
}

static void append_value(const struct notification *n, GString *text)
{
	const struct metric *metric = metric_find(n->metric);
	g_autofree char *value = metric ? alert_number(metric, n->value) : NULL;
	g_autofree char *threshold = metric ? alert_number(metric, n->threshold) : NULL;

	if (!metric)
		return;
	g_string_append(text, n->metric);
	if (isfinite(n->value))
		g_string_append_printf(text, " is %s%s", value, isfinite(n->threshold) ? "," : "");
	if (isfinite(n->threshold))
		g_string_append_printf(text, " threshold %s", threshold);
	g_string_append_c(text, '\n');
}

void message_append_alert(const struct notification *n, GString *text)
{
	g_autofree char *from = notification_time(n->starts_ms);
	g_autofree char *to = n->ends_ms ? notification_time(n->ends_ms) : NULL;

	append_line(text, n->summary, ENCODE_SUMMARY_MAX, false);
	append_labels(n, text);
	g_string_append_printf(text, "%s, rule %s, since %s%s%s\n",
			       alert_severity_name(n->severity), n->rule_id, from,
			       to ? ", until " : "", to ? to : "");
	append_value(n, text);
	append_line(text, n->description, ENCODE_DESCRIPTION_MAX, true);
}

const char *channel_url(const struct config_channel *channel, const struct secrets *secrets)
{
	if (channel->url)
		return channel->url;
	return secrets->url ? secrets->url : config_channel_default_url(channel->type);
}

/* Does a header or the body say where the token goes? */
static bool places_token(const struct config_channel *channel)
{
	bool places = channel->type == CHANNEL_PAGERDUTY || channel->type == CHANNEL_OPSGENIE ||
		      (channel->body && strstr(channel->body, "${token"));

	for (size_t i = 0; i < channel->n_headers; i++)
		places |= strstr(channel->headers[i], "${token") ||
			  g_ascii_strncasecmp(channel->headers[i], "Authorization:", 14) == 0;
	return places;
}

static void add_credentials(const struct config_channel *channel, const struct secrets *secrets,
			    const struct message *message, struct request *request)
{
	g_autofree char *bearer = NULL;

	request->username = g_strdup(channel->username);
	request->password = g_strdup(secrets->password);
	for (size_t i = 0; i < channel->n_headers; i++) {
		const char *value = strchr(channel->headers[i], ':') + 1;
		g_autofree char *name =
			g_strndup(channel->headers[i], (gsize)(value - channel->headers[i] - 1));
		g_autofree char *filled =
			message_fill(value + strspn(value, " "), FILL_LINE, message, secrets);

		request_add_header(request, name, filled);
		explicit_bzero(filled, strlen(filled));
	}
	if (!secrets->token || places_token(channel))
		return;
	bearer = g_strconcat("Bearer ", secrets->token, NULL);
	request_add_header(request, "Authorization", bearer);
	explicit_bzero(bearer, strlen(bearer));
}

void channel_post(const struct config_channel *channel, const struct secrets *secrets,
		  const struct message *message, char *body, struct request *ret_request)
{
	*ret_request = (struct request){
		.url = g_strdup(channel_url(channel, secrets)),
		.body = g_string_new(body),
		.ca = g_strdup(secrets->ca),
		.timeout_ms = channel->timeout_ms,
	};
	request_add_header(ret_request, "Content-Type",
			   channel->content_type ? channel->content_type : "application/json");
	add_credentials(channel, secrets, message, ret_request);
	explicit_bzero(body, strlen(body));
	g_free(body);
}

void channel_post_json(const struct config_channel *channel, const struct secrets *secrets,
		       const struct message *message, json_t *json, struct request *ret_request)
{
	char *text = json_dumps(json, JSON_COMPACT);

	channel_post(channel, secrets, message, g_strdup(text), ret_request);
	free(text);
	json_decref(json);
}
