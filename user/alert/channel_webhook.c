// SPDX-License-Identifier: Apache-2.0
/* JSON of a documented schema, or a body by a template; signed with a shared key. */
#include <string.h>
#include "alert/channel.h"
#include "alert/encode.h"
#include "alert/fill.h"

static json_t *message_json(const struct message *message)
{
	const struct notification *first = message->alerts[0];
	g_autofree char *title = message_title(message, ENCODE_SUMMARY_MAX);
	json_t *alerts = json_array();

	for (size_t i = 0; i < message->n; i++)
		json_array_append_new(alerts, notification_encode(message->alerts[i]));
	return json_pack("{s:i,s:s,s:s,s:s,s:s,s:o}", "version", 1, "key", message->key, "node",
			 message->node, "status", alert_status_name(first->status), "title", title,
			 "alerts", alerts);
}

static void sign(struct request *request, const char *secret)
{
	g_autofree char *hex =
		g_compute_hmac_for_data(G_CHECKSUM_SHA256, (const guchar *)secret, strlen(secret),
					(const guchar *)request->body->str, request->body->len);
	g_autofree char *value = g_strconcat("sha256=", hex, NULL);

	request_add_header(request, "X-Kvmlens-Signature", value);
}

/* How what is filled into the body is escaped there. */
static enum fill_form form_of(const struct config_channel *channel)
{
	if (!channel->content_type || strstr(channel->content_type, "json"))
		return FILL_JSON;
	return strstr(channel->content_type, "form-urlencoded") ? FILL_URL : FILL_TEXT;
}

static void render(const struct config_channel *channel, const struct secrets *secrets,
		   const struct message *message, struct request *ret_request)
{
	if (channel->body)
		channel_post(channel, secrets, message,
			     message_fill(channel->body, form_of(channel), message, secrets),
			     ret_request);
	else
		channel_post_json(channel, secrets, message, message_json(message), ret_request);
	request_add_header(ret_request, "Idempotency-Key", message->key);
	if (secrets->secret)
		sign(ret_request, secrets->secret);
}

const struct channel_ops channel_webhook = {.render = render};
