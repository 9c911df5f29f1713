// SPDX-License-Identifier: Apache-2.0
#include "config/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <string.h>

static int parse_port(const char *text, in_port_t *ret_port)
{
	guint64 port;

	if (!g_ascii_string_to_unsigned(text, 10, 0, 65535, &port, NULL))
		return -EINVAL;
	*ret_port = htons(port);
	return 0;
}

static int parse_v6(const char *host, in_port_t port, struct endpoint *ret_endpoint)
{
	struct endpoint e = {.in6 = {.sin6_family = AF_INET6, .sin6_port = port},
			     .len = sizeof(e.in6)};

	if (inet_pton(AF_INET6, host, &e.in6.sin6_addr) != 1)
		return -EINVAL;
	*ret_endpoint = e;
	return 0;
}

static int parse_v4(const char *host, in_port_t port, struct endpoint *ret_endpoint)
{
	struct endpoint e = {.in = {.sin_family = AF_INET, .sin_port = port}, .len = sizeof(e.in)};

	if (inet_pton(AF_INET, host, &e.in.sin_addr) != 1)
		return -EINVAL;
	*ret_endpoint = e;
	return 0;
}

int endpoint_parse(const char *text, struct endpoint *ret_endpoint)
{
	const char *colon = strrchr(text, ':');
	g_autofree char *host = NULL;
	in_port_t port;
	size_t len;
	int err;

	if (!colon)
		return -EINVAL;
	err = parse_port(colon + 1, &port);
	if (err)
		return err;
	len = colon - text;
	if (len == 0)
		return parse_v6("::", port, ret_endpoint);
	if (text[0] != '[') {
		host = g_strndup(text, len);
		return parse_v4(host, port, ret_endpoint);
	}
	if (len < 2 || text[len - 1] != ']')
		return -EINVAL;
	host = g_strndup(text + 1, len - 2);
	return parse_v6(host, port, ret_endpoint);
}

bool endpoint_is_loopback(const struct endpoint *endpoint)
{
	if (endpoint->sa.sa_family == AF_INET)
		return (ntohl(endpoint->in.sin_addr.s_addr) >> 24) == 127;
	return IN6_IS_ADDR_LOOPBACK(&endpoint->in6.sin6_addr);
}
