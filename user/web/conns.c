// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <glib.h>
#include "web/conns.h"

#define CLOSING_SPARE 64

void conns_init(struct conns *conns, unsigned max, unsigned per_address, unsigned timeout_ms)
{
	unsigned size = 2 * max + CLOSING_SPARE;

	*conns = (struct conns){
		.v = g_new0(struct conn, size),
		.size = size,
		.max = max,
		.per_address = per_address,
		.timeout_ms = timeout_ms,
	};
}

void conns_clear(struct conns *conns)
{
	g_free(conns->v);
	*conns = (struct conns){0};
}

static bool is_open(const struct conn *conn)
{
	return conn->state == CONN_WAITING || conn->state == CONN_ANSWERING;
}

static bool is_from(const struct conn *conn, const uint8_t *address)
{
	return !address || !memcmp(conn->address, address, CONN_ADDRESS_LEN);
}

/* address NULL: of any. */
static unsigned count(const struct conns *conns, const uint8_t *address)
{
	unsigned n = 0;

	for (unsigned i = 0; i < conns->size; i++)
		n += is_open(&conns->v[i]) && is_from(&conns->v[i], address);
	return n;
}

unsigned conns_open(const struct conns *conns)
{
	return count(conns, NULL);
}

/* The one that is longest in a state, since then or before. */
static struct conn *longest(struct conns *conns, const uint8_t *address, enum conn_state state,
			    uint64_t since_ms)
{
	struct conn *oldest = NULL;

	for (unsigned i = 0; i < conns->size; i++) {
		struct conn *conn = &conns->v[i];

		if (conn->state == state && is_from(conn, address) && conn->since_ms <= since_ms &&
		    (!oldest || conn->since_ms < oldest->since_ms))
			oldest = conn;
	}
	return oldest;
}

static struct conn *find_victim(struct conns *conns, const uint8_t *address, uint64_t now_ms)
{
	struct conn *victim = longest(conns, address, CONN_WAITING, now_ms);

	if (!victim && now_ms >= CONN_GRACE_MS)
		victim = longest(conns, address, CONN_ANSWERING, now_ms - CONN_GRACE_MS);
	return victim;
}

bool conns_admit(struct conns *conns, const uint8_t address[CONN_ADDRESS_LEN], uint64_t now_ms,
		 struct conn **ret_victim)
{
	bool many_of_it = count(conns, address) >= conns->per_address;
	struct conn *victim = NULL;

	if (many_of_it || count(conns, NULL) >= conns->max) {
		victim = find_victim(conns, many_of_it ? address : NULL, now_ms);
		if (!victim)
			return false;
		victim->state = CONN_CLOSING;
	}
	*ret_victim = victim;
	return true;
}

struct conn *conns_add(struct conns *conns, int fd, const uint8_t address[CONN_ADDRESS_LEN],
		       uint64_t now_ms)
{
	for (unsigned i = 0; i < conns->size; i++) {
		struct conn *conn = &conns->v[i];

		if (conn->state != CONN_FREE)
			continue;
		conn->fd = fd;
		memcpy(conn->address, address, CONN_ADDRESS_LEN);
		conns_wait(conns, conn, now_ms);
		return conn;
	}
	return NULL;
}

void conns_remove(struct conn *conn)
{
	*conn = (struct conn){.state = CONN_FREE, .fd = -1};
}

static void enter(struct conn *conn, enum conn_state state, uint64_t now_ms, uint64_t allowed_ms)
{
	conn->state = state;
	conn->since_ms = now_ms;
	conn->deadline_ms = now_ms + allowed_ms;
}

void conns_answer(const struct conns *conns, struct conn *conn, size_t n, uint64_t seq,
		  uint64_t now_ms)
{
	if (conn->state == CONN_CLOSING)
		return;
	enter(conn, CONN_ANSWERING, now_ms, conns->timeout_ms + n * 1000 / CONN_PACE);
	conn->seq = seq;
}

void conns_wait(const struct conns *conns, struct conn *conn, uint64_t now_ms)
{
	if (conn->state != CONN_CLOSING)
		enter(conn, CONN_WAITING, now_ms, conns->timeout_ms);
}

struct conn *conns_overdue(struct conns *conns, uint64_t now_ms)
{
	for (unsigned i = 0; i < conns->size; i++) {
		struct conn *conn = &conns->v[i];

		if (is_open(conn) && now_ms >= conn->deadline_ms) {
			conn->state = CONN_CLOSING;
			return conn;
		}
	}
	return NULL;
}

struct conn *conns_outdated(struct conns *conns, uint64_t seq, uint64_t now_ms)
{
	for (unsigned i = 0; i < conns->size; i++) {
		struct conn *conn = &conns->v[i];

		if (conn->state == CONN_ANSWERING && conn->seq && conn->seq < seq &&
		    now_ms >= conn->since_ms + CONN_GRACE_MS) {
			conn->state = CONN_CLOSING;
			return conn;
		}
	}
	return NULL;
}
