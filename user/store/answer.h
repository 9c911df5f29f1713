/* SPDX-License-Identifier: Apache-2.0 */
/* History as JSON, as the command and the web interface give it. */
#ifndef KVMLENS_STORE_ANSWER_H
#define KVMLENS_STORE_ANSWER_H

#include <glib.h>
#include <jansson.h>
#include "store/query.h"
#include "util/textbuf.h"

/*
 * One series: {"vm", "uuid", "metric", "unit", "labels", "points": [[time_ms, mean, min, max,
 * count], ...]}; of a single sample only the first two. NULL: out of memory.
 */
json_t *answer_series(const struct store_series *series, const GArray *points);

/* A question of somebody who is not trusted: the answer is bounded. */
struct answer_request {
	const char *vm; /* name or uuid; "": every VM, "host": the host itself */
	const char *metric;
	gint64 since_ms, until_ms, step_ms; /* as store_query() takes them */
};

#define ANSWER_MS 4000
#define ANSWER_SERIES 1000
#define ANSWER_POINTS 100000 /* of all series */

/*
 * Append the array of all series that were asked for, those without values left out. Opens a
 * reader of its own. -ENOENT: no such metric, VM or store; -E2BIG: more than the limits above;
 * -ETIMEDOUT: it took longer than ANSWER_MS.
 */
int answer_render(const char *path, const struct answer_request *request, struct textbuf *out);

#endif
