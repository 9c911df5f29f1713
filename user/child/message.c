// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <sys/socket.h>
#include "child/child.h"

/* Wait for events until the deadline (monotonic, us; 0: none). */
static int wait_for(int fd, short events, gint64 deadline)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};

	for (;;) {
		gint64 left = deadline ? deadline - g_get_monotonic_time() : -1000;
		int n;

		if (deadline && left <= 0)
			return -ETIMEDOUT;
		n = poll(&poll_fd, 1, deadline ? (int)((left + 999) / 1000) : -1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int move(int fd, char *data, size_t len, short events, unsigned timeout_ms)
{
	gint64 deadline = timeout_ms ? g_get_monotonic_time() + (gint64)timeout_ms * 1000 : 0;

	while (len) {
		int r = wait_for(fd, events, deadline);
		ssize_t n;

		if (r)
			return r;
		n = events == POLLIN ? recv(fd, data, len, MSG_DONTWAIT)
				     : send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return n == 0 || errno == ECONNRESET ? -EPIPE : -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int child_read(int fd, void *data, size_t len, unsigned timeout_ms)
{
	return move(fd, data, len, POLLIN, timeout_ms);
}

int child_write(int fd, const void *data, size_t len, unsigned timeout_ms)
{
	return move(fd, (char *)data, len, POLLOUT, timeout_ms);
}
