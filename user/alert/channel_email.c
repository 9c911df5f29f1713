// SPDX-License-Identifier: Apache-2.0
/* A mail of plain text, in quoted-printable. */
#include <string.h>
#include "alert/channel.h"
#include "alert/encode.h"

#define SUBJECT_MAX 200
#define WORD_BYTES 45 /* of an encoded word, 75 characters with all that is around it */
#define LINE_MAX_QP 76

static bool is_plain(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return !strstr(text, "=?");
}

/* Whole characters, so that each word can be read by itself (RFC 2047). */
static void append_encoded(GString *mail, const char *text)
{
	while (*text) {
		const char *end = text;
		g_autofree char *word = NULL;

		while (*end && g_utf8_next_char(end) - text <= WORD_BYTES)
			end = g_utf8_next_char(end);
		word = g_base64_encode((const guchar *)text, (gsize)(end - text));
		g_string_append_printf(mail, "=?UTF-8?B?%s?=%s", word, *end ? "\r\n " : "");
		text = end;
	}
}

static void append_header(GString *mail, const char *name, const char *value)
{
	g_string_append_printf(mail, "%s: ", name);
	if (is_plain(value))
		g_string_append(mail, value);
	else
		append_encoded(mail, value);
	g_string_append(mail, "\r\n");
}

/* In English whatever the locale is. */
static void append_date(GString *mail, int64_t ms)
{
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	g_autoptr(GDateTime) t = g_date_time_new_from_unix_utc(ms / 1000);

	if (t)
		g_string_append_printf(mail, "Date: %s, %d %s %04d %02d:%02d:%02d +0000\r\n",
				       days[g_date_time_get_day_of_week(t) - 1],
				       g_date_time_get_day_of_month(t),
				       months[g_date_time_get_month(t) - 1],
				       g_date_time_get_year(t), g_date_time_get_hour(t),
				       g_date_time_get_minute(t), g_date_time_get_second(t));
}

/* "<left@kvmlens.node>", of characters that a message id may have. */
static void append_id(GString *mail, const char *name, const char *left, const char *node)
{
	g_autofree char *host = g_strdup(node);

	g_string_append_printf(mail, "%s: <%s@kvmlens.%s>\r\n", name, left,
			       g_strcanon(host, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-.", '-'));
}

static void append_quoted_line(GString *mail, const char *line, size_t len)
{
	size_t column = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];
		bool plain = (c > ' ' && c <= '~' && c != '=') || (c == ' ' && i + 1 < len);

		if (column + (plain ? 1 : 3) > LINE_MAX_QP - 1) {
			g_string_append(mail, "=\r\n");
			column = 0;
		}
		if (plain)
			g_string_append_c(mail, (char)c);
		else
			g_string_append_printf(mail, "=%02X", c);
		column += plain ? 1 : 3;
	}
	g_string_append(mail, "\r\n");
}

static void append_quoted(GString *mail, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		append_quoted_line(mail, text, len);
		text += len + (text[len] == '\n');
	}
}

static void append_body(GString *mail, const struct message *message)
{
	g_autofree char *node = notification_text(message->node, 253, false);
	g_autoptr(GString) text = g_string_new(NULL);

	for (size_t i = 0; i < message->n; i++) {
		message_append_alert(message->alerts[i], text);
		g_string_append_c(text, '\n');
	}
	g_string_append_printf(text, "-- \nkvmlens on %s\n", node);
	append_quoted(mail, text->str);
}

static void append_headers(GString *mail, const struct config_channel *channel,
			   const struct message *message)
{
	g_autofree char *subject = message_title(message, SUBJECT_MAX);
	g_autofree char *to = g_strjoinv(",\r\n ", channel->to);

	append_date(mail, message->now_ms);
	g_string_append_printf(mail, "From: kvmlens <%s>\r\nTo: %s\r\n", channel->from, to);
	append_header(mail, "Subject", subject);
	append_id(mail, "Message-ID", message->key, message->node);
	/* All news of one alert stand together in the reader's list. */
	append_id(mail, "References", message->alerts[0]->alert_id, message->node);
	append_header(mail, "X-Kvmlens-Key", message->key);
	g_string_append(mail, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
			      "Content-Type: text/plain; charset=utf-8\r\n"
			      "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
}

static void render(const struct config_channel *channel, const struct secrets *secrets,
		   const struct message *message, struct request *ret_request)
{
	*ret_request = (struct request){
		.url = g_strdup(channel_url(channel, secrets)),
		.body = g_string_new(NULL),
		.from = g_strdup(channel->from),
		.to = g_ptr_array_new_with_free_func(g_free),
		.username = g_strdup(channel->username),
		.password = g_strdup(secrets->password),
		.starttls = channel->starttls,
		.ca = g_strdup(secrets->ca),
		.timeout_ms = channel->timeout_ms,
	};
	for (size_t i = 0; i < channel->n_to; i++)
		g_ptr_array_add(ret_request->to, g_strdup(channel->to[i]));
	append_headers(ret_request->body, channel, message);
	append_body(ret_request->body, message);
}

const struct channel_ops channel_email = {.render = render};
