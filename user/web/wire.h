/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the collector's side and the face say to each other, over a pair of sequenced-packet
 * sockets: messages of one fixed size. The face is unprivileged and talks to the network, so the
 * collector's side believes nothing that it says beyond a document's index, a query, both checked
 * again, and counters.
 */
#ifndef KVMLENS_WEB_WIRE_H
#define KVMLENS_WEB_WIRE_H

#include <stdint.h>
#include "child/child.h"

#define WIRE_VERSION 3
#define WIRE_DOCUMENTS_MAX 32
#define WIRE_PATH_MAX 64
#define WIRE_TYPE_MAX 128
#define WIRE_NAME_MAX 128

/* Descriptors of the face process. */
#define WIRE_FD_CONTROL (CHILD_FD_FIRST + 0)
#define WIRE_FD_LISTEN (CHILD_FD_FIRST + 1)

enum wire_type {
	/* From the collector's side. */
	WIRE_HELLO = 1, /* first of all */
	WIRE_DOCUMENT, /* one a document, in order */
	WIRE_ACCESS, /* after the documents, if hello says so; with sealed memory: web/access.h */
	WIRE_TICK, /* there is a newer snapshot; answered by WIRE_ALIVE */
	WIRE_PAGE, /* a document rendered, with the descriptor of its sealed memory */
	WIRE_ANSWER, /* to the query of that index, with a descriptor unless it failed */
	/* From the face. */
	WIRE_READY, /* confined, about to accept */
	WIRE_FAILED, /* it could not confine itself, and ends */
	WIRE_ASK, /* somebody wants this document */
	WIRE_ALIVE,
	WIRE_QUERY, /* somebody asks for history; index is the face's number for it */
};

struct wire_hello {
	uint32_t version;
	uint32_t n_documents;
	uint32_t max_connections, per_address, timeout_s;
	uint32_t uid, gid; /* to become, 0: those of the face's own */
	uint32_t has_history; /* 1: WIRE_QUERY is answered */
	uint32_t has_access; /* 1: WIRE_ACCESS follows */
	uint32_t loopback; /* 1: it listens on an address of this host alone */
};

struct wire_document {
	char path[WIRE_PATH_MAX];
	char type[WIRE_TYPE_MAX];
};

struct wire_page {
	uint64_t seq; /* of the snapshot */
	uint64_t mono_ns; /* when that was taken */
	uint64_t size;
	uint32_t interval_ms;
	uint32_t stuck; /* TICK: enum health_stuck, or-ed */
};

struct wire_face {
	uint64_t seq; /* ALIVE: of the tick that it answers */
	uint64_t requests, refused, evicted;
	uint64_t unauthorized; /* wrong names or passwords */
	uint32_t confined; /* READY: enum child_confined, or-ed */
	int32_t error; /* FAILED: negative errno */
	char step[32]; /* FAILED: what could not be done */
};

/* What a client asks of the history: see web/query.h. */
struct wire_query {
	char vm[WIRE_NAME_MAX]; /* its name or uuid; "": every VM, "host": the host itself */
	char metric[WIRE_NAME_MAX];
	int64_t since_ms, until_ms; /* of CLOCK_REALTIME */
	int64_t step_ms; /* 0: as it was stored */
};

struct wire_answer {
	uint64_t size;
	int32_t error; /* 0, or negative errno: then there is no descriptor */
};

struct wire_message {
	uint32_t type; /* enum wire_type */
	uint32_t index; /* of a document or query */
	union {
		struct wire_hello hello;
		struct wire_document document;
		struct wire_page page;
		struct wire_face face;
		struct wire_query query;
		struct wire_answer answer;
	};
};

/*
 * Send a message, with a descriptor unless fd is -1, without waiting. -EAGAIN: the other side
 * does not take its messages; -EPIPE: it is gone.
 */
int wire_send(int sock, const struct wire_message *message, int fd);

/*
 * Take one message; *ret_fd is -1 or a descriptor that the caller owns. -EAGAIN: there is none;
 * -EPIPE: the other side is gone; -EBADMSG: it is not of the right size, or brings a descriptor
 * and ret_fd is NULL. wait: wait for it.
 */
int wire_receive(int sock, struct wire_message *ret_message, int *ret_fd, int wait);

#endif
