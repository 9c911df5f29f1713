/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where queries are answered: a thread of its own, so that a slow disk delays no page, with a
 * short queue. Answers wait, as sealed memory, for the thread that talks to the face.
 */
#ifndef KVMLENS_WEB_DESK_H
#define KVMLENS_WEB_DESK_H

#include "web/web.h"
#include "web/wire.h"

/* Queries that wait or have an answer that waits. */
#define DESK_MAX 8

struct desk;

/* answer is called on the desk's thread; wake, an eventfd, is written when an answer waits. */
struct desk *desk_new(web_answer_fn answer, void *arg, int wake); /* NULL: no thread */

/* NULL is ignored. Waits for the query that is being answered. */
void desk_free(struct desk *desk);

/* Hand over a query of that face; -EBUSY: too many wait. */
int desk_put(struct desk *desk, uint64_t face, uint32_t id, const struct wire_query *query);

struct desk_answer {
	uint64_t face;
	uint32_t id;
	struct wire_answer is;
	int fd; /* -1: none */
};

/* Take an answer, whose descriptor is the caller's then; false: none waits. */
bool desk_take(struct desk *desk, struct desk_answer *ret_answer);

#endif
