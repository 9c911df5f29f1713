// SPDX-License-Identifier: Apache-2.0
/*
 * Services that take a webhook of a form of their own: each a template. Of PagerDuty and Opsgenie
 * a request is of one alert, which opens or closes an incident under a key that stays the same.
 */
#include <string.h>
#include "alert/channel.h"
#include "alert/fill.h"

/* Events API v2: https://developer.pagerduty.com/docs/send-alert-event */
static const char pagerduty_body[] =
	"{\"routing_key\":\"${token}\",\"event_action\":\"${action}\",\"dedup_key\":\"${dedup:255}\","
	"\"client\":\"kvmlens on ${node}\",\"client_url\":\"${link}\",\"payload\":{"
	"\"summary\":\"${summary:1024}\",\"source\":\"${node}\",\"severity\":\"${severity}\","
	"\"timestamp\":\"${at}\",\"component\":\"${vm}\",\"group\":\"${rule}\","
	"\"class\":\"${metric}\",\"custom_details\":${details}},\"links\":${links}}";

/* Alert API: https://docs.opsgenie.com/docs/alert-api */
static const char opsgenie_open[] =
	"{\"message\":\"${summary:130}\",\"alias\":\"${dedup:512}\",\"description\":\"${text:15000}\","
	"\"entity\":\"${vm:512}\",\"source\":\"${node:100}\",\"priority\":\"${priority}\","
	"\"tags\":[\"kvmlens\",\"${rule:50}\",\"${severity}\"],\"details\":${details}}";

static const char opsgenie_close[] = "{\"source\":\"${node:100}\",\"note\":\"${summary:25000}\"}";

/*
 * A workflow "when a Teams webhook request is received" takes a message with an adaptive card. Its
 * runs of text know no markdown: the name of a VM can make no link.
 */
static const char teams_body[] =
	"{\"type\":\"message\",\"attachments\":[{\"contentType\":"
	"\"application/vnd.microsoft.card.adaptive\",\"contentUrl\":null,\"content\":{"
	"\"$$schema\":\"http://adaptivecards.io/schemas/adaptive-card.json\","
	"\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"msteams\":{\"width\":\"Full\"},\"body\":["
	"{\"type\":\"RichTextBlock\",\"inlines\":[{\"type\":\"TextRun\",\"size\":\"medium\","
	"\"weight\":\"bolder\",\"color\":\"${color}\",\"text\":\"${title:1000}\"}]},"
	"{\"type\":\"RichTextBlock\",\"inlines\":[{\"type\":\"TextRun\",\"text\":"
	"\"${text:18000}\"}]}]}}]}";

static void post(const struct config_channel *channel, const struct secrets *secrets,
		 const struct message *message, const char *template, struct request *ret_request)
{
	channel_post(channel, secrets, message, message_fill(template, FILL_JSON, message, secrets),
		     ret_request);
}

static void render_pagerduty(const struct config_channel *channel, const struct secrets *secrets,
			     const struct message *message, struct request *ret_request)
{
	post(channel, secrets, message, pagerduty_body, ret_request);
}

static void render_opsgenie(const struct config_channel *channel, const struct secrets *secrets,
			    const struct message *message, struct request *ret_request)
{
	bool over = message->alerts[0]->status == ALERT_RESOLVED;
	g_autofree char *path = message_fill(
		over ? "/v2/alerts/${dedup:512}/close?identifierType=alias" : "/v2/alerts",
		FILL_URL, message, secrets);
	char *base;
	size_t len;

	post(channel, secrets, message, over ? opsgenie_close : opsgenie_open, ret_request);
	base = ret_request->url;
	len = strlen(base);
	while (len && base[len - 1] == '/')
		base[--len] = '\0';
	ret_request->url = g_strconcat(base, path, NULL);
	g_free(base);
	if (secrets->token) {
		g_autofree char *key = g_strconcat("GenieKey ", secrets->token, NULL);

		request_add_header(ret_request, "Authorization", key);
		explicit_bzero(key, strlen(key));
	}
}

static void render_teams(const struct config_channel *channel, const struct secrets *secrets,
			 const struct message *message, struct request *ret_request)
{
	post(channel, secrets, message, teams_body, ret_request);
}

const struct channel_ops channel_pagerduty = {.render = render_pagerduty, .single = true};
const struct channel_ops channel_opsgenie = {.render = render_opsgenie, .single = true};
const struct channel_ops channel_teams = {.render = render_teams};
