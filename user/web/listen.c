// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <glib.h>
#include <unistd.h>
#include "config/endpoint.h"
#include "util/text.h"
#include "web/listen.h"

#define BACKLOG 128

static const char *advice(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "something listens there already, perhaps another kvmlens; choose another "
		       "port with --listen, or --listen=none";
	case EACCES:
		return "ports below 1024 need a right that this process lacks; choose another with "
		       "--listen";
	case EADDRNOTAVAIL:
		return "this host has no such address; --listen takes one of its own";
	default:
		return g_strerror(error);
	}
}

static int open_socket(const struct endpoint *endpoint)
{
	int fd = socket(endpoint->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, r;

	if (fd < 0)
		return -errno;
	/* Without it a restart must wait for the last connections to be forgotten. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &endpoint->sa, endpoint->len) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int listen_open(const char *where, char **ret_error)
{
	g_autofree char *quoted = text_quote(where);
	struct endpoint endpoint;
	int fd = endpoint_parse(where, &endpoint);

	if (fd < 0) {
		*ret_error =
			g_strdup_printf("cannot listen on %s: it is no address and port such as "
					"127.0.0.1:10177 or [::1]:10177",
					quoted);
		return fd;
	}
	fd = open_socket(&endpoint);
	if (fd < 0)
		*ret_error = g_strdup_printf("cannot listen on %s: %s", where, advice(-fd));
	return fd;
}

unsigned listen_port(int fd)
{
	struct endpoint endpoint = {.len = sizeof(endpoint.in6)};

	if (getsockname(fd, &endpoint.sa, &endpoint.len) < 0)
		return 0;
	return ntohs(endpoint.sa.sa_family == AF_INET6 ? endpoint.in6.sin6_port
						       : endpoint.in.sin_port);
}
