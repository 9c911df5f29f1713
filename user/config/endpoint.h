/* SPDX-License-Identifier: Apache-2.0 */
/* An address and port to listen on, without any name service. */
#ifndef KVMLENS_CONFIG_ENDPOINT_H
#define KVMLENS_CONFIG_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

struct endpoint {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len;
};

/*
 * Parse "127.0.0.1:10177", "[::1]:10177", or ":10177" for every address; port 0 lets the kernel
 * choose. -EINVAL.
 */
int endpoint_parse(const char *text, struct endpoint *ret_endpoint);

bool endpoint_is_loopback(const struct endpoint *endpoint);

#endif
