/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and their answers, by libmicrohttpd, in the one thread of the face. Only GET and HEAD
 * without a body are answered. A page that is not there yet is asked for and waited for, a second
 * at most.
 */
#ifndef KVMLENS_WEB_HTTP_H
#define KVMLENS_WEB_HTTP_H

#include <glib.h>
#include <microhttpd.h>
#include "web/conns.h"
#include "web/site.h"

struct http {
	struct MHD_Daemon *daemon;
	struct site *site;
	struct conns conns;
	struct conn *adding; /* handed to MHD, which has not taken it yet */
	GPtrArray *waiting; /* struct http_request, owned by MHD's connection: suspended */
	void (*ask)(void *arg, uint32_t index); /* somebody wants this document */
	void *ask_arg;
	uint64_t requests, refused, evicted;
};

/* site and ask are borrowed. Negative errno. */
int http_start(struct http *http, struct site *site, const struct wire_hello *limits,
	       void (*ask)(void *arg, uint32_t index), void *ask_arg);

/* Take every connection that waits at the listening socket, sending others away for it. */
void http_accept(struct http *http, int listen);

/* Go on with requests that waited for this document. */
void http_page_came(struct http *http, uint32_t index);

/* Do what can be done without waiting: answer, and end what is overdue. */
void http_run(struct http *http);

/* Becomes readable when http_run() should be called. */
int http_fd(const struct http *http);

/* Milliseconds until http_run() should be called at the latest; -1: no need. */
int http_timeout(const struct http *http);

void http_stop(struct http *http);

#endif
