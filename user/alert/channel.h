/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds of channels: a row of operations each. Rendering is pure: from a message and what the
 * channel's files hold to a request, which the sender (alert/sender.h) carries out.
 */
#ifndef KVMLENS_ALERT_CHANNEL_H
#define KVMLENS_ALERT_CHANNEL_H

#include <glib.h>
#include <stdbool.h>
#include "alert/notification.h"
#include "alert/request.h"
#include "config/config.h"

/* What goes out at once: the alerts have one group and one status. */
struct message {
	const char *key; /* the same whenever this message is sent */
	const char *node;
	const char *link; /* URL of the agent's own page, NULL: it has none */
	const struct notification *const *alerts;
	size_t n; /* at least one */
	int64_t now_ms;
};

/* What a channel's files held a moment ago; NULL: it has no such file. Never shown. */
struct secrets {
	char *url, *password, *token, *secret;
	char *ca; /* not secret: certificates */
};

/* *ret_why says what is wrong with which file, and nothing of what is in it. */
int secrets_read(const struct config_channel *channel, struct secrets *ret_secrets, char **ret_why);
void secrets_clear(struct secrets *secrets);

/*
 * Look at the files of all channels: append a line for each that cannot be used (mistakes; where
 * another user may be able to read it, warnings), and for each secret that every user can read.
 */
void secrets_check(const struct config *config, GString *mistakes, GString *warnings);

enum outcome {
	OUTCOME_SENT,
	OUTCOME_RETRY, /* later it may be taken */
	OUTCOME_REFUSED, /* this message will never be taken */
};

struct channel_ops {
	void (*render)(const struct config_channel *channel, const struct secrets *secrets,
		       const struct message *message, struct request *ret_request);
	/* Instead of render, where no network is involved; *ret_why where it was not sent. */
	enum outcome (*send)(const struct config_channel *channel, const struct message *message,
			     char **ret_why);
	bool tell_again; /* what fires is told again, every resend_ms */
	bool single; /* a message holds one alert */
};

const struct channel_ops *channel_ops_of(enum channel_type type);

extern const struct channel_ops channel_email, channel_slack, channel_webhook, channel_alertmanager,
	channel_journal, channel_pagerduty, channel_opsgenie, channel_teams;

/* "[FIRING] node: summary", of several "[FIRING] node: 3 alerts: rule"; at most max bytes. */
char *message_title(const struct message *message, size_t max);

/* What is to be said of one alert, as lines, each ended by a newline. */
void message_append_alert(const struct notification *n, GString *text);

/* The URL from wherever the channel has it. */
const char *channel_url(const struct config_channel *channel, const struct secrets *secrets);

/* A request to that URL with the channel's headers and credentials; it takes the body. */
void channel_post(const struct config_channel *channel, const struct secrets *secrets,
		  const struct message *message, char *body, struct request *ret_request);

/* The same with JSON, of which it takes the reference. */
void channel_post_json(const struct config_channel *channel, const struct secrets *secrets,
		       const struct message *message, json_t *json, struct request *ret_request);

#endif
