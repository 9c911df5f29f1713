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
#include "web/gate.h"
#include "web/site.h"

/* To the collector's side. */
struct http_calls {
	void (*ask)(void *arg, uint32_t index); /* somebody wants this document */
	/* Somebody asks the history; the answer has this number. Negative errno. */
	int (*query)(void *arg, uint32_t id, const struct wire_query *query);
};

/* One request, from its headers to the end of its answer. */
struct http_request {
	struct MHD_Connection *connection;
	uint32_t document; /* that it waits for */
	uint32_t query; /* number of its query, 0: none was asked yet */
	uint64_t deadline_ms; /* of the wait */
	bool waited;
	struct MHD_Response *response; /* to its query; owned, NULL: there is none */
	uint64_t response_size;
	int error; /* of its query: 0, or negative errno */
};

struct http {
	struct MHD_Daemon *daemon;
	struct site *site;
	struct conns conns;
	struct conn *adding; /* handed to MHD, which has not taken it yet */
	GPtrArray *waiting; /* struct http_request, owned by MHD's connection: suspended */
	const struct http_calls *calls;
	void *calls_arg;
	bool has_history;
	struct gate gate;
	uint32_t queries; /* numbers them, from 1 */
	uint64_t requests, refused, evicted;
};

/* site, access (NULL: none is needed) and calls are borrowed. Negative errno. */
int http_start(struct http *http, struct site *site, const struct wire_hello *limits,
	       const struct access *access, const struct http_calls *calls, void *calls_arg);

/* Take every connection that waits at the listening socket, sending others away for it. */
void http_accept(struct http *http, int listen);

/* Go on with requests that waited for this document. */
void http_page_came(struct http *http, uint32_t index);

/* Go on with the request that asked this query; owns fd (-1: none). */
void http_answer_came(struct http *http, uint32_t id, const struct wire_answer *answer, int fd);

/* Do what can be done without waiting: answer, and end what is overdue. */
void http_run(struct http *http);

/* Becomes readable when http_run() should be called. */
int http_fd(const struct http *http);

/* Milliseconds until http_run() should be called at the latest; -1: no need. */
int http_timeout(const struct http *http);

void http_stop(struct http *http);

#endif
