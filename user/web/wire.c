// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "web/wire.h"

union control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int wire_send(int sock, const struct wire_message *message, int fd)
{
	struct iovec iov = {(void *)message, sizeof(*message)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control = {0};
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *header;

		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		header = CMSG_FIRSTHDR(&msg);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

/* The one descriptor of a message, -1: none. There is room for no second one. */
static int descriptor_of(struct msghdr *msg)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(header), sizeof(int));
	return fd;
}

int wire_receive(int sock, struct wire_message *ret_message, int *ret_fd, int wait)
{
	struct wire_message message;
	struct iovec iov = {&message, sizeof(message)};
	union control control = {0};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		/* Without room for a descriptor the kernel hands none over. */
		.msg_control = ret_fd ? control.buf : NULL,
		.msg_controllen = ret_fd ? sizeof(control.buf) : 0,
	};
	ssize_t n;
	int fd;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	fd = descriptor_of(&msg);
	if (n != sizeof(message) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		if (fd >= 0)
			close(fd);
		return -EBADMSG;
	}
	*ret_message = message;
	if (ret_fd)
		*ret_fd = fd;
	return 0;
}
