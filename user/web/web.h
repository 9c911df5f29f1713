/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of the newest snapshot over HTTP. The privileged side, here, binds the address, renders a
 * page when somebody asked for it lately, seals it in memory and hands it to the face: a process
 * without rights (web/face.h) that alone hears the network. One thread renders, and starts the
 * face anew, with a growing delay, when it has died or does not answer.
 */
#ifndef KVMLENS_WEB_WEB_H
#define KVMLENS_WEB_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <kvmlens.h>
#include "util/textbuf.h"

/*
 * A page: path and type together name it, and of several types for a path a client's Accept
 * header picks one, the first unless it says otherwise. render() appends the page, on web's own
 * thread; what it shows beside the snapshot is its own affair. Strings must outlive web.
 */
struct web_document {
	const char *path; /* "/metrics", at most 63 bytes; "/healthz" is taken */
	const char *type; /* of the content, with its charset, at most 127 bytes */
	void (*render)(void *arg, const struct kvmlens_snapshot *snapshot, struct textbuf *out);
	void *arg;
};

/* A question to the history; checked, but its names need not exist. */
struct web_query {
	const char *vm; /* name or uuid; "": every VM, "host": the host itself */
	const char *metric;
	int64_t since_ms, until_ms;
	int64_t step_ms; /* 0: as it was stored */
};

/*
 * Append the answer, JSON, on a thread of web's own: it may wait for a disk, but must be bounded
 * in time and size. -ENOENT: no such metric or VM; -E2BIG: too much was asked for; -ETIMEDOUT.
 */
typedef int (*web_answer_fn)(void *arg, const struct web_query *query, struct textbuf *out);

struct web_options {
	const char *listen; /* see endpoint_parse */
	const char *user; /* whom the face becomes; NULL, "auto": a user id of its own */
	const char *access; /* file of TLS and passwords, see web/access.h; NULL: neither */
	unsigned max_connections; /* 0: 64 */
	unsigned timeout_s; /* for a whole request; 0: 10 */
	unsigned interval_ms; /* between snapshots; 0: 10000 */
	unsigned hang_ms; /* a face that answers nothing for so long is replaced; 0: 10000 */
	const struct web_document *documents; /* beside /metrics and /api/v1/snapshot */
	size_t n_documents;
	web_answer_fn answer; /* serves /api/v1/history; NULL: there is none */
	void *answer_arg;
};

struct web;

/*
 * Bind, start the face and wait until it is confined. On failure, negative errno and *ret_error
 * is one line, freed by the caller, that says what is wrong and what to do. No thread is made
 * yet, so that a caller may give up rights, which threads have each for themselves, in between.
 */
int web_new(const struct web_options *options, struct web **ret_web, char **ret_error);

/*
 * Begin to render and to look after the face. Pages published before are not lost. -EAGAIN: no
 * thread could be made.
 */
int web_start(struct web *web);

/* A kvmlens_sink_fn: takes a reference and returns at once. */
void web_publish(void *web, const struct kvmlens_snapshot *snapshot);

/* Of the listening socket, when the kernel chose it. */
unsigned web_port(const struct web *web);

/* Snapshots now come at another pace. */
void web_set_interval(struct web *web, unsigned ms);

/* What there is to say about it, all counted since web_new. */
struct web_state {
	bool up; /* the face answers */
	int pid; /* of the face, 0: there is none just now */
	unsigned confined; /* enum child_confined, or-ed: not every kernel permits all */
	uint64_t restarts; /* of a face that died or hung */
	uint64_t pages; /* rendered */
	uint64_t queries; /* of the history: answered or turned away */
	uint64_t unsent; /* pages that the face did not take */
	uint64_t requests; /* as the face says, and so are the next two */
	uint64_t refused; /* requests and connections turned away */
	uint64_t evicted; /* connections closed for keeping us waiting */
	uint64_t unauthorized; /* wrong names or passwords */
	uint64_t rereads; /* of the changed access file; with a new face each, if it was right */
	char access_error[256]; /* why the last of these was not taken over; "": it was */
};

void web_get_state(struct web *web, struct web_state *ret_state);

/* End the face, stop listening, free. NULL is ignored. */
void web_stop(struct web *web);

#endif
