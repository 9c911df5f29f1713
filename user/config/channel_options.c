// SPDX-License-Identifier: Apache-2.0
#include "config/channel_options.h"

#include <string.h>
#include "config/channel.h"
#include "config/channel_template.h"

static const cyaml_strval_t types[] = {
	{"email", CHANNEL_EMAIL},	{"slack", CHANNEL_SLACK},
	{"webhook", CHANNEL_WEBHOOK},	{"alertmanager", CHANNEL_ALERTMANAGER},
	{"journal", CHANNEL_JOURNAL},	{"pagerduty", CHANNEL_PAGERDUTY},
	{"opsgenie", CHANNEL_OPSGENIE}, {"teams", CHANNEL_TEAMS},
};

static const cyaml_strval_t severities[] = {
	{"info", RULE_INFO},
	{"warning", RULE_WARNING},
	{"critical", RULE_CRITICAL},
};

const char *config_channel_type_name(enum channel_type type)
{
	return (unsigned)type < G_N_ELEMENTS(types) ? types[type].str : "unknown";
}

/* It becomes a label's value and a part of messages. */
static void check_name(const char *value, GString *why)
{
	for (const char *p = value; *p; p++)
		if (!g_ascii_isalnum(*p) && *p != '-' && *p != '_' && *p != '.') {
			g_string_append(why,
					"is no channel's name; use letters, digits, -, _ and .");
			return;
		}
}

/* It stands in a header and in a command of SMTP. */
static void check_address(const char *value, GString *why)
{
	const char *at = strchr(value, '@');
	bool bad = !at || at == value || !at[1] || strchr(at + 1, '@');

	for (const char *p = value; *p && !bad; p++)
		bad = !g_ascii_isgraph(*p) || strchr("<>()[],;:\\\"", *p);
	if (bad)
		g_string_append(why, "is no mail address; write one like ops@example.org");
}

/* A header of its own, which neither ends the headers nor says what the transfer says. */
static void check_header(const char *value, GString *why)
{
	static const char *const ours[] = {"Content-Type", "Content-Length", "Host",
					   "Transfer-Encoding", "Connection"};
	size_t len = strcspn(value, ":");

	for (size_t i = 0; i < len; i++)
		if (!g_ascii_isalnum(value[i]) && value[i] != '-' && value[i] != '_')
			len = 0;
	if (!len || value[len] != ':' || !value[len + 1])
		g_string_append(why, "is no header; write one like \"X-Scope: infra\"");
	for (size_t i = 0; !why->len && i < G_N_ELEMENTS(ours); i++)
		if (strlen(ours[i]) == len && g_ascii_strncasecmp(value, ours[i], len) == 0)
			g_string_append_printf(why, "%s is set by the transfer%s; leave it out",
					       ours[i], i ? "" : ", from content_type");
	if (!why->len)
		template_check(value, false, why);
}

static void check_path(const char *value, GString *why)
{
	if (*value != '/')
		g_string_append(why, "is no absolute path; begin it with /");
}

const struct config_option channel_options[] = {
	{.name = "name",
	 AS_STRING(struct config_channel, name),
	 .min = 1,
	 .max = 64,
	 .required = true,
	 .unique = true,
	 .check = check_name,
	 .value = "NAME",
	 .help = "what rules call it",
	 .example = "name: mail"},
	{.name = "type",
	 AS_ENUM(struct config_channel, type, enum channel_type, types),
	 .required = true,
	 .value = "TYPE",
	 .help = "how it is delivered",
	 .example = "type: email"},
	{.name = "url",
	 AS_STRING(struct config_channel, url),
	 .min = 1,
	 .max = 2048,
	 .value = "URL",
	 .help = "where to: https:// or http://, of email smtp:// or smtps://",
	 .example = "url: smtp://mail.example.org:587"},
	{.name = "url_file",
	 AS_STRING(struct config_channel, url_file),
	 .min = 1,
	 .max = 4095,
	 .check = check_path,
	 .value = "FILE",
	 .help = "a file that holds the URL, where that is a secret, as Slack's is",
	 .example = "url_file: /etc/kvmlens/slack.url"},
	{.name = "from",
	 AS_STRING(struct config_channel, from),
	 .min = 3,
	 .max = 254,
	 .check = check_address,
	 .value = "ADDRESS",
	 .help = "email: the sender",
	 .example = "from: kvmlens@example.org"},
	{.name = "to",
	 AS_STRINGS(struct config_channel, to, n_to),
	 .max = 32,
	 .check = check_address,
	 .value = "ADDRESS,...",
	 .help = "email: the recipients",
	 .example = "to: [ops@example.org, oncall@example.org]"},
	{.name = "username",
	 AS_STRING(struct config_channel, username),
	 .min = 1,
	 .max = 256,
	 .value = "NAME",
	 .help = "who logs in, where the server wants that",
	 .example = "username: kvmlens"},
	{.name = "password_file",
	 AS_STRING(struct config_channel, password_file),
	 .min = 1,
	 .max = 4095,
	 .check = check_path,
	 .value = "FILE",
	 .help = "a file that holds that user's password",
	 .example = "password_file: /etc/kvmlens/mail.password"},
	{.name = "token_file",
	 AS_STRING(struct config_channel, token_file),
	 .min = 1,
	 .max = 4095,
	 .check = check_path,
	 .value = "FILE",
	 .help = "webhook, alertmanager: a file that holds a bearer token; pagerduty: the routing "
		 "key; opsgenie: the API key",
	 .example = "token_file: /etc/kvmlens/hook.token"},
	{.name = "secret_file",
	 AS_STRING(struct config_channel, secret_file),
	 .min = 1,
	 .max = 4095,
	 .check = check_path,
	 .value = "FILE",
	 .help = "webhook: a file that holds the key that messages are signed with",
	 .example = "secret_file: /etc/kvmlens/hook.secret"},
	{.name = "ca_file",
	 AS_STRING(struct config_channel, ca_file),
	 .min = 1,
	 .max = 4095,
	 .check = check_path,
	 .value = "FILE",
	 .help = "the certificates to trust, by default the system's",
	 .example = "ca_file: /etc/kvmlens/ca.pem"},
	{.name = "starttls",
	 AS_BOOL(struct config_channel, starttls),
	 .def = "true",
	 .value = "true|false",
	 .help = "email: refuse a server of smtp:// that does not encrypt",
	 .example = "starttls: true"},
	{.name = "socket",
	 AS_STRING(struct config_channel, socket),
	 .min = 1,
	 .max = 107,
	 .check = check_path,
	 .value = "PATH",
	 .help = "journal: syslog's socket, by default the journal's own, else /dev/log",
	 .example = "socket: /dev/log"},
	{.name = "headers",
	 AS_STRINGS(struct config_channel, headers, n_headers),
	 .max = 16,
	 .check = check_header,
	 .value = "HEADER,...",
	 .help = "webhook: more headers; may hold placeholders as body does",
	 .example = "headers: [\"X-Scope: infra\", \"X-Api-Key: ${token}\"]"},
	{.name = "body",
	 AS_STRING(struct config_channel, body),
	 .min = 1,
	 .max = 16384,
	 .lines = true,
	 .value = "TEMPLATE",
	 .help = "webhook: what is sent in place of the documented JSON; ${title}, ${status}, "
		 "${severity}, ${node}, ${vm}, ${summary}, ${text}, ${labels.NAME}, ${token} and more "
		 "stand for what they say, ${alerts}, ${labels}, ${details}, ${links} for JSON, "
		 "${summary:100} for 100 characters",
	 .example = "body: '{\"msg\": \"${title}\", \"alerts\": ${alerts}}'"},
	{.name = "content_type",
	 AS_STRING(struct config_channel, content_type),
	 .min = 3,
	 .max = 128,
	 .value = "TYPE",
	 .help = "webhook: of the body, by default application/json",
	 .example = "content_type: application/json"},
	{.name = "labels",
	 AS_TAGS(struct config_channel, labels, n_labels),
	 .max = 32,
	 .value = "KEY: VALUE",
	 .help = "alertmanager: labels of each alert; by default job is kvmlens and instance the node, "
		 "as Prometheus's must be for both to be one alert; an empty one is left out",
	 .example = "labels: {instance: \"host-1:10177\", cluster: west}"},
	{.name = "min_severity",
	 AS_ENUM(struct config_channel, min_severity, enum rule_severity, severities),
	 .def = "info",
	 .value = "WORD",
	 .help = "only alerts that are as severe, or more",
	 .example = "min_severity: critical"},
	{.name = "vms",
	 AS_STRINGS(struct config_channel, vms, n_vms),
	 .max = 64,
	 .value = "GLOB,...",
	 .help = "only alerts of VMs with one of these names or uuids, where * and ? match anything; "
		 "those of no VM come only without vms",
	 .example = "vms: [\"db-*\", \"web-*\"]"},
	{.name = "rules",
	 AS_STRINGS(struct config_channel, rules, n_rules),
	 .max = 64,
	 .value = "GLOB,...",
	 .help = "only alerts of rules with one of these ids, where * and ? match anything",
	 .example = "rules: [\"vm-*\", \"kvmlens-*\"]"},
	{.name = "timeout",
	 AS_MS(struct config_channel, timeout_ms),
	 .min = 100,
	 .max = 300000,
	 .def = "10s",
	 .value = "DURATION",
	 .help = "how long one attempt may take",
	 .example = "timeout: 10s"},
	{.name = "group_wait",
	 AS_MS(struct config_channel, group_wait_ms),
	 .max = 3600000,
	 .def = "5s",
	 .value = "DURATION",
	 .help = "how long an alert waits for others of its group, to go out as one message",
	 .example = "group_wait: 5s"},
	{.name = "resend",
	 AS_MS(struct config_channel, resend_ms),
	 .min = 1000,
	 .max = 3600000,
	 .def = "1m",
	 .value = "DURATION",
	 .help = "alertmanager: how often it is told that an alert still fires",
	 .example = "resend: 1m"},
	{.name = "retry_max",
	 AS_MS(struct config_channel, retry_max_ms),
	 .min = 1000,
	 .max = 3600000,
	 .def = "5m",
	 .value = "DURATION",
	 .help = "the longest pause between two attempts; the first ones are seconds",
	 .example = "retry_max: 5m"},
	{.name = "max_waiting",
	 AS_UINT(struct config_channel, max_waiting),
	 .min = 1,
	 .max = 100000,
	 .def = "10000",
	 .value = "N",
	 .help = "alerts that wait for it; the oldest is dropped for one more",
	 .example = "max_waiting: 10000"},
	{.name = "max_age",
	 AS_SECONDS(struct config_channel, max_age_s),
	 .min = 60,
	 .max = 2592000,
	 .def = "24h",
	 .value = "DURATION",
	 .help = "an alert that has waited so long is dropped",
	 .example = "max_age: 24h"},
	{.kind = OPTION_END},
};

/* Which keys a type takes, beside those that all have; needs is what must be there. */
static const struct {
	const char *takes, *needs;
} rules[] = {
	[CHANNEL_EMAIL] = {"url url_file from to username password_file ca_file starttls",
			   "from to"},
	[CHANNEL_SLACK] = {"url url_file ca_file", ""},
	[CHANNEL_WEBHOOK] = {"url url_file username password_file token_file secret_file ca_file "
			     "headers body content_type",
			     ""},
	[CHANNEL_ALERTMANAGER] = {"url url_file username password_file token_file ca_file labels",
				  ""},
	[CHANNEL_JOURNAL] = {"socket", ""},
	[CHANNEL_PAGERDUTY] = {"url url_file token_file ca_file", "token_file"},
	[CHANNEL_OPSGENIE] = {"url url_file token_file ca_file", "token_file"},
	[CHANNEL_TEAMS] = {"url url_file ca_file", ""},
};

const char *config_channel_default_url(enum channel_type type)
{
	return type == CHANNEL_PAGERDUTY  ? "https://events.pagerduty.com/v2/enqueue"
	       : type == CHANNEL_OPSGENIE ? "https://api.opsgenie.com"
					  : NULL;
}

static bool has_word(const char *words, const char *word)
{
	g_auto(GStrv) list = g_strsplit(words, " ", -1);

	return g_strv_contains((const char *const *)list, word);
}

bool config_channel_takes(enum channel_type type, const char *key)
{
	bool special = false;

	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
		special |= has_word(rules[i].takes, key);
	return !special || has_word(rules[type].takes, key);
}

/* What has a default is always there, and says nothing. */
static bool is_given(const struct config_option *option, const void *item)
{
	const char *base = item;

	if (option->kind == OPTION_STRINGS || option->kind == OPTION_TAGS)
		return *(const size_t *)(base + option->count_offset) > 0;
	return option->kind == OPTION_STRING && *(char *const *)(base + option->offset);
}

/* Begin a line of its own for a mistake. */
static GString *mistake(GString *why)
{
	if (why->len)
		g_string_append_c(why, '\n');
	return why;
}

static void verify_keys(const struct config_channel *channel, GString *why)
{
	const char *type = config_channel_type_name(channel->type);

	for (const struct config_option *o = channel_options; o->kind != OPTION_END; o++) {
		bool given = is_given(o, channel);

		if (o->required)
			continue;
		if (given && !config_channel_takes(channel->type, o->name))
			g_string_append_printf(mistake(why),
					       "\"%s\" has no meaning for type %s; remove it",
					       o->name, type);
		else if (!given && has_word(rules[channel->type].needs, o->name))
			g_string_append_printf(mistake(why),
					       "\"%s\" is missing for type %s; add for example %s",
					       o->name, type, o->example);
	}
}

/* By its address: a name that only begins like one leads anywhere. */
static bool is_loopback(const char *url)
{
	const char *host = strstr(url, "://") + 3;
	const char *at = strpbrk(host, "/@");
	size_t digits;

	host = at && *at == '@' ? at + 1 : host;
	digits = strspn(host, "0123456789.");
	return (g_str_has_prefix(host, "127.") && strchr(":/", host[digits])) ||
	       g_str_has_prefix(host, "[::1]") ||
	       (g_str_has_prefix(host, "localhost") && !g_ascii_isalnum(host[9]) &&
		!strchr("-.", host[9] ? host[9] : 'x'));
}

static bool encrypts(const struct config_channel *channel, const char *url)
{
	return g_str_has_prefix(url, "https://") || g_str_has_prefix(url, "smtps://") ||
	       (channel->type == CHANNEL_EMAIL && channel->starttls);
}

bool config_channel_exposes(const struct config_channel *channel, const char *url)
{
	return (channel->password_file || channel->token_file) && !encrypts(channel, url) &&
	       !is_loopback(url);
}

static void verify_url(const struct config_channel *channel, GString *why)
{
	bool mail = channel->type == CHANNEL_EMAIL;
	const char *plain = mail ? "smtp://" : "http://", *safe = mail ? "smtps://" : "https://";

	if (!channel->url && !channel->url_file) {
		if (!config_channel_default_url(channel->type))
			g_string_append_printf(
				mistake(why), "\"url\" is missing; add for example url: %s",
				mail ? "smtp://mail.example.org:587" : "https://example.org/hook");
		return;
	}
	if (channel->url && channel->url_file)
		g_string_append(mistake(why), "has both \"url\" and \"url_file\"; keep one");
	else if (channel->url && !g_str_has_prefix(channel->url, plain) &&
		 !g_str_has_prefix(channel->url, safe))
		g_string_append_printf(mistake(why), "its \"url\" must begin with %s or %s", safe,
				       plain);
	else if (channel->url && strchr(strstr(channel->url, "://") + 3, '@'))
		g_string_append(mistake(why), "its \"url\" holds a user name; use username and "
					      "password_file");
	else if (channel->url && config_channel_exposes(channel, channel->url))
		g_string_append_printf(mistake(why), "would send its secret in clear text; use %s",
				       safe);
}

static void verify_body(const struct config_channel *channel, GString *why)
{
	g_autoptr(GString) problem = g_string_new(NULL);

	if (!channel->body)
		return;
	template_check(channel->body,
		       !channel->content_type || strstr(channel->content_type, "json"), problem);
	if (problem->len)
		g_string_append_printf(mistake(why), "body: %s", problem->str);
}

void channel_verify(const void *item, GString *why)
{
	const struct config_channel *channel = item;

	verify_keys(channel, why);
	if (channel->type != CHANNEL_JOURNAL)
		verify_url(channel, why);
	verify_body(channel, why);
	if (channel->content_type && !channel->body)
		g_string_append(mistake(why), "\"content_type\" is of a \"body\"; give both or "
					      "none");
	if (!channel->username != !channel->password_file)
		g_string_append(mistake(why), "\"username\" and \"password_file\" belong together; "
					      "give both or none");
	if (channel->username && channel->token_file)
		g_string_append(mistake(why), "has both \"username\" and \"token_file\"; keep one");
}
