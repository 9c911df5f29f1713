// SPDX-License-Identifier: Apache-2.0
/* Slack's incoming webhook, and what takes the same form. */
#include <string.h>
#include "alert/channel.h"
#include "alert/encode.h"

#define ATTACHMENTS_MAX 20 /* more are hard to read, and some receivers refuse them */
#define TEXT_MAX 3000

/* A VM's name must not become a mention or a link: these three are all that Slack gives meaning. */
static char *escape(const char *text)
{
	GString *out = g_string_new(NULL);

	for (const char *p = text; *p; p++)
		switch (*p) {
		case '&':
			g_string_append(out, "&amp;");
			break;
		case '<':
			g_string_append(out, "&lt;");
			break;
		case '>':
			g_string_append(out, "&gt;");
			break;
		default:
			g_string_append_c(out, *p);
		}
	return g_string_free(out, FALSE);
}

static const char *colour(const struct notification *n)
{
	static const char *const by_severity[] = {"#439fe0", "#daa038", "#d00000"};

	if (n->status == ALERT_RESOLVED)
		return "#2eb886";
	return n->status == ALERT_NODATA ? "#888888" : by_severity[n->severity];
}

static json_t *attachment(const struct notification *n)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *cut = NULL, *safe = NULL;

	message_append_alert(n, text);
	cut = notification_text(g_strchomp(text->str), TEXT_MAX, true);
	safe = escape(cut);
	return json_pack("{s:s,s:s,s:s,s:[],s:I}", "color", colour(n), "fallback", safe, "text",
			 safe, "mrkdwn_in", "ts", (json_int_t)(n->at_ms / 1000));
}

static void render(const struct config_channel *channel, const struct secrets *secrets,
		   const struct message *message, struct request *ret_request)
{
	size_t shown = MIN(message->n, ATTACHMENTS_MAX);
	g_autofree char *title = message_title(message, TEXT_MAX);
	g_autofree char *line = shown < message->n
					? g_strdup_printf("%s; the first %zu:", title, shown)
					: g_strdup(title);
	g_autofree char *safe = escape(line);
	json_t *attachments = json_array();

	for (size_t i = 0; i < shown; i++)
		json_array_append_new(attachments, attachment(message->alerts[i]));
	channel_post_json(
		channel, secrets, message,
		json_pack("{s:s,s:b,s:o}", "text", safe, "mrkdwn", 0, "attachments", attachments),
		ret_request);
}

const struct channel_ops channel_slack = {.render = render};
