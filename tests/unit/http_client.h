/* SPDX-License-Identifier: Apache-2.0 */
/* A client that says exactly what it is told to, right or wrong. */
#ifndef KVMLENS_TESTS_HTTP_CLIENT_H
#define KVMLENS_TESTS_HTTP_CLIENT_H

#include <glib.h>

struct http_answer {
	int status; /* 0: no answer */
	char *head; /* status line and headers */
	char *body;
	gsize body_len;
};

/* Connected to 127.0.0.1, or -1. */
int client_connect(unsigned port);

/* False: the other side has closed. */
gboolean client_send(int fd, const char *bytes, gsize n);

/*
 * Read one answer, by its Content-Length, or to the end of the connection; body is false for the
 * answer to HEAD. Waits timeout_ms at most. Free with client_clear.
 */
struct http_answer client_receive(int fd, gboolean body, int timeout_ms);

/* All of it on a connection of its own; accept may be NULL. */
struct http_answer client_get(unsigned port, const char *path, const char *accept);

/* The value of a header in an answer, freed by the caller; NULL: it has none. */
char *client_header(const struct http_answer *answer, const char *name);

void client_clear(struct http_answer *answer);

#endif
