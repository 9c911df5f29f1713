// SPDX-License-Identifier: Apache-2.0
#include "control/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int message_wait(int fd, short events, gint64 deadline)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		gint64 left = (deadline - g_get_monotonic_time() + 999) / 1000;
		int n = left > 0 ? poll(&p, 1, MIN(left, G_MAXINT)) : 0;

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int message_parse(const char *line, size_t len, json_t **ret_object)
{
	json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(object)) {
		json_decref(object);
		return -EPROTO;
	}
	*ret_object = object;
	return 0;
}

int message_receive(int fd, size_t max, gint64 deadline, json_t **ret_object)
{
	g_autoptr(GString) line = g_string_new(NULL);
	char block[16384], *end = NULL;

	while (!end) {
		int err = message_wait(fd, POLLIN, deadline);
		ssize_t n;

		if (err)
			return err;
		n = recv(fd, block, sizeof(block), 0);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		end = memchr(block, '\n', n);
		g_string_append_len(line, block, end ? end - block : n);
		if (line->len > max)
			return -EMSGSIZE;
	}
	return message_parse(line->str, line->len, ret_object);
}

int message_send(int fd, size_t max, gint64 deadline, const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0, sent = 0;
	int err = !text ? -ENOMEM : len > max ? -EMSGSIZE : 0;

	if (!err)
		text[len++] = '\n'; /* in place of the terminating zero */
	while (!err && sent < len) {
		ssize_t n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);

		if (n >= 0)
			sent += n;
		else if (errno == EAGAIN)
			err = message_wait(fd, POLLOUT, deadline);
		else if (errno != EINTR)
			err = -errno;
	}
	free(text);
	return err;
}
