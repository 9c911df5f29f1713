/* SPDX-License-Identifier: Apache-2.0 */
/* Where alerts are delivered to: one item of the section "channels". Each member is a row of
 * config/channel_options.c. */
#ifndef KVMLENS_CONFIG_CHANNEL_H
#define KVMLENS_CONFIG_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <kvmlens.h>
#include "config/rule.h"

#define CHANNELS_MAX 32 /* each has a thread and series of its own */

enum channel_type {
	CHANNEL_EMAIL,
	CHANNEL_SLACK,
	CHANNEL_WEBHOOK,
	CHANNEL_ALERTMANAGER,
	CHANNEL_JOURNAL,
	CHANNEL_PAGERDUTY,
	CHANNEL_OPSGENIE,
	CHANNEL_TEAMS,
	CHANNEL_TYPES
};

/* What is NULL was not given; verify sees to it that a type has what it needs and no more. */
struct config_channel {
	char *name;
	enum channel_type type;
	char *url, *url_file;
	char *from; /* email */
	char **to; /* NULL-terminated, as all lists of strings that are not empty */
	size_t n_to;
	char *username, *password_file;
	char *token_file; /* webhook and Alertmanager: bearer */
	char *secret_file; /* webhook: of the signature */
	char *ca_file;
	bool starttls; /* email: refuse to go on without */
	char *socket; /* journal */
	char **headers; /* webhook: "Name: value", a template each */
	size_t n_headers;
	char *body, *content_type; /* webhook: a template, and what it is */
	struct kvmlens_tag *labels; /* Alertmanager: of each alert, in place of others; "": none */
	size_t n_labels;
	enum rule_severity min_severity;
	char **vms, **rules; /* globs, of names or uuids and of ids; none: all */
	size_t n_vms, n_rules;
	unsigned timeout_ms;
	unsigned group_wait_ms;
	unsigned resend_ms; /* Alertmanager */
	unsigned retry_max_ms;
	unsigned max_waiting;
	unsigned max_age_s;
	unsigned line; /* where it stands in the file; no key of it */
};

/* "email" ... */
const char *config_channel_type_name(enum channel_type type);

/* Of a type whose server is always the same one, else NULL. */
const char *config_channel_default_url(enum channel_type type);

/* Would a password or token cross the network in clear text? url has a scheme. */
bool config_channel_exposes(const struct config_channel *channel, const char *url);

#endif
