/* SPDX-License-Identifier: Apache-2.0 */
/* The thread behind web/web.h: it renders pages, and keeps a face alive to serve them. */
#ifndef KVMLENS_WEB_SERVER_H
#define KVMLENS_WEB_SERVER_H

#include "metric/model.h"
#include "web/access.h"
#include "web/desk.h"
#include "web/health.h"
#include "web/process.h"
#include "web/web.h"

/* A document is rendered at every tick for so long after it was last asked for. */
#define SERVER_WANTED_MS (5 * 60 * 1000)

struct server_document {
	struct web_document is;
	uint64_t wanted_until_ms;
	uint64_t sent_seq; /* of the snapshot that the face has as a page */
};

struct web {
	int listen, wake;
	int reserve; /* a descriptor to give up for a page where none is left, -1: none kept */
	struct wire_hello hello;
	struct access *access; /* NULL: none */
	char *access_path;
	struct wire_document wire[WIRE_DOCUMENTS_MAX];
	struct server_document documents[WIRE_DOCUMENTS_MAX];
	web_answer_fn answer;
	void *answer_arg;
	struct desk *desk; /* NULL: no history is served */
	GThread *thread;
	gint interval_ms; /* atomic */
	unsigned hang_ms;

	GMutex lock; /* of these */
	const struct kvmlens_snapshot *offered; /* newest, not taken up yet; NULL: none */
	struct web_state state;
	bool stop;

	/* of the thread */
	struct face_process face;
	struct health health;
	unsigned stuck; /* as of snapshot: enum health_stuck, or-ed */
	uint64_t n_faces; /* started: numbers the one there is */
	const struct kvmlens_snapshot *snapshot;
	struct textbuf text;
	struct wire_face said; /* the face's last counters */
	uint64_t started_ms, retry_ms, delay_ms;
	uint64_t unanswered_ms; /* since when a tick is, 0: all are answered */
};

/*
 * Start a face and wait until it is confined; *ret_said is what it said of that, on failure too.
 * Not while the thread runs.
 */
int server_start_face(struct web *web, struct wire_face *ret_said);

/* The thread: takes web, ends soon after web->stop is set and web->wake written. */
gpointer server_run(void *web);

#endif
