/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may hold a connection, and for how long: plain policy, no system call. Clients that send
 * nothing, or little at a time, make room for new ones, so that they cost nobody else; those that
 * take an answer slowly are left alone for a second, and after that while there is room.
 */
#ifndef KVMLENS_WEB_CONNS_H
#define KVMLENS_WEB_CONNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONN_ADDRESS_LEN 16

/* After so long, one that is still being answered may be sent away for another. */
#define CONN_GRACE_MS 1000

/* An answer must be taken at this pace, in bytes a second, on top of the time-out. */
#define CONN_PACE (256 * 1024)

enum conn_state {
	CONN_FREE,
	CONN_WAITING, /* for a whole request */
	CONN_ANSWERING, /* a request, which is being worked on or sent */
	CONN_CLOSING, /* shut down; counts no more */
};

struct conn {
	enum conn_state state;
	int fd;
	uint8_t address[CONN_ADDRESS_LEN];
	uint64_t since_ms; /* it is in this state */
	uint64_t deadline_ms;
	uint64_t seq; /* of the snapshot whose page is being sent; 0: no page */
};

struct conns {
	struct conn *v;
	unsigned size;
	unsigned max, per_address; /* connections that are not closing */
	unsigned timeout_ms; /* for a whole request, from the beginning of the wait for it */
};

/* Room for max connections and as many again that are being closed. */
void conns_init(struct conns *conns, unsigned max, unsigned per_address, unsigned timeout_ms);
void conns_clear(struct conns *conns);

/*
 * May another connection from address be taken? True: *ret_victim is NULL, or the one that must
 * go first (now CONN_CLOSING; the caller shuts it down). False: nobody can be sent away for it.
 */
bool conns_admit(struct conns *conns, const uint8_t address[CONN_ADDRESS_LEN], uint64_t now_ms,
		 struct conn **ret_victim);

/* NULL: too many are still being closed. */
struct conn *conns_add(struct conns *conns, int fd, const uint8_t address[CONN_ADDRESS_LEN],
		       uint64_t now_ms);
void conns_remove(struct conn *conn);

/* A whole request came in, and n bytes are the answer, of snapshot seq (0: of none). */
void conns_answer(const struct conns *conns, struct conn *conn, size_t n, uint64_t seq,
		  uint64_t now_ms);

/* The answer is out: the next request may come. */
void conns_wait(const struct conns *conns, struct conn *conn, uint64_t now_ms);

/* The next one that is over its deadline, now CONN_CLOSING; NULL: no more. */
struct conn *conns_overdue(struct conns *conns, uint64_t now_ms);

/*
 * The next one that still takes the page of a snapshot before seq, now CONN_CLOSING; NULL: no
 * more. Each old page that somebody takes slowly holds its memory.
 */
struct conn *conns_outdated(struct conns *conns, uint64_t seq, uint64_t now_ms);

/* Open and not closing. */
unsigned conns_open(const struct conns *conns);

#endif
