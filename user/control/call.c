// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "control/address.h"
#include "control/control.h"
#include "control/message.h"

static int connect_to(const char *path, gint64 deadline)
{
	struct sockaddr_un address;
	int err = control_address(path, &address), fd;

	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* EAGAIN: as many as may wait are waiting. */
	while (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		err = -errno;
		if (err != -EAGAIN || g_get_monotonic_time() >= deadline) {
			close(fd);
			return err == -EAGAIN ? -ETIMEDOUT : err;
		}
		g_usleep(20000);
	}
	return fd;
}

int control_call(const char *path, const json_t *request, unsigned timeout_ms, json_t **ret_reply)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	int fd = connect_to(path, deadline), err;

	if (fd < 0)
		return fd;
	err = message_send(fd, CONTROL_REQUEST_MAX, deadline, request);
	if (!err)
		err = message_receive(fd, CONTROL_REPLY_MAX, deadline, ret_reply);
	close(fd);
	return err;
}
