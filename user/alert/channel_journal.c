// SPDX-License-Identifier: Apache-2.0
/*
 * The journal in its own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), or a syslog daemon: one
 * datagram an alert. Neither answers.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "alert/channel.h"
#include "alert/encode.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define SYSLOG_SOCKET "/dev/log"
#define FACILITY_DAEMON 3
#define DATAGRAM_MAX 8192 /* of syslog: longer ones are cut by many daemons */

static int priority(const struct notification *n)
{
	static const int by_severity[] = {6, 4, 2}; /* info, warning, crit */

	return n->status == ALERT_RESOLVED ? 5 : by_severity[n->severity];
}

/* A value of several lines has its length in front. */
static void append_field(GString *datagram, const char *name, const char *value)
{
	guint64 len = GUINT64_TO_LE((guint64)strlen(value));

	if (!strchr(value, '\n')) {
		g_string_append_printf(datagram, "%s=%s\n", name, value);
		return;
	}
	g_string_append_printf(datagram, "%s\n", name);
	g_string_append_len(datagram, (const char *)&len, sizeof(len));
	g_string_append_printf(datagram, "%s\n", value);
}

static void append_journal(GString *datagram, const struct message *message,
			   const struct notification *n, const char *title)
{
	g_autofree char *level = g_strdup_printf("%d", priority(n));
	g_autoptr(GString) text = g_string_new(NULL);

	message_append_alert(n, text);
	append_field(datagram, "MESSAGE", title);
	append_field(datagram, "PRIORITY", level);
	append_field(datagram, "SYSLOG_IDENTIFIER", "kvmlens");
	append_field(datagram, "KVMLENS_KEY", n->key);
	append_field(datagram, "KVMLENS_ALERT", n->alert_id);
	append_field(datagram, "KVMLENS_RULE", n->rule_id);
	append_field(datagram, "KVMLENS_STATUS", alert_status_name(n->status));
	append_field(datagram, "KVMLENS_SEVERITY", alert_severity_name(n->severity));
	append_field(datagram, "KVMLENS_METRIC", n->metric);
	append_field(datagram, "KVMLENS_NODE", message->node);
	for (size_t i = 0; i < n->n_labels; i++) {
		g_autofree char *value = notification_text(n->labels[i].value, 256, false);

		if (strcmp(n->labels[i].key, "vm") == 0)
			append_field(datagram, "KVMLENS_VM", value);
	}
	append_field(datagram, "KVMLENS_TEXT", text->str);
}

static void append_syslog(GString *datagram, const struct notification *n, const char *title)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *line = NULL;

	message_append_alert(n, text);
	line = notification_text(text->str, DATAGRAM_MAX / 2, false);
	g_string_printf(datagram, "<%d>kvmlens[%d]: %s: %s", FACILITY_DAEMON * 8 + priority(n),
			(int)getpid(), title, line);
}

/* Connected, so that a daemon that is gone shows. */
static int open_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int send_datagram(int fd, const GString *datagram, unsigned timeout_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	while (send(fd, datagram->str, datagram->len, MSG_NOSIGNAL) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (errno == EAGAIN && poll(&poll_fd, 1, (int)timeout_ms) == 0)
			return -ETIMEDOUT;
	}
	return 0;
}

/* The journal's own where it is there, unless the configuration names another. */
static int open_any(const struct config_channel *channel, bool *ret_journal)
{
	const char *path = channel->socket ? channel->socket : JOURNAL_SOCKET;
	int fd = open_socket(path);

	*ret_journal = g_str_has_suffix(path, "/journal/socket");
	if (fd >= 0 || channel->socket)
		return fd;
	*ret_journal = false;
	return open_socket(SYSLOG_SOCKET);
}

/* A message that fails halfway is sent again as a whole, with the same keys. */
static enum outcome send_all(const struct config_channel *channel, const struct message *message,
			     char **ret_why)
{
	bool journal;
	int fd = open_any(channel, &journal), err = fd < 0 ? fd : 0;

	for (size_t i = 0; i < message->n && !err; i++) {
		const struct notification *n = message->alerts[i];
		const struct message one = {message->key,   message->node, message->link, &n, 1,
					    message->now_ms};
		g_autoptr(GString) datagram = g_string_new(NULL);
		g_autofree char *title = message_title(&one, ENCODE_SUMMARY_MAX);

		if (journal)
			append_journal(datagram, message, n, title);
		else
			append_syslog(datagram, n, title);
		err = send_datagram(fd, datagram, channel->timeout_ms);
	}
	if (fd >= 0)
		close(fd);
	if (!err)
		return OUTCOME_SENT;
	*ret_why = g_strdup_printf("%s: %s",
				   channel->socket ? channel->socket : "the journal and /dev/log",
				   g_strerror(-err));
	return OUTCOME_RETRY;
}

const struct channel_ops channel_journal = {.send = send_all};
