/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question to the history, as a client writes it: vm, metric, since, until and step. The face
 * parses it into a small record of fixed size; the collector's side checks that record and never
 * sees the client's text.
 */
#ifndef KVMLENS_WEB_QUERY_H
#define KVMLENS_WEB_QUERY_H

#include <stdbool.h>
#include "web/wire.h"

#define QUERY_PATH "/api/v1/history"

/* Unless the client says how fine it is to be: about so many points of a series. */
#define QUERY_POINTS 1000

/* The value of an argument, NULL: it is not there. */
typedef const char *(*query_get_fn)(void *arg, const char *name);

/*
 * Parse; now_ms is the time of CLOCK_REALTIME. -EINVAL: *ret_complaint is a line, ended by a
 * newline, that says what is wrong.
 */
int query_parse(query_get_fn get, void *arg, int64_t now_ms, struct wire_query *ret_query,
		const char **ret_complaint);

/* Is it what query_parse() may have made? */
bool query_valid(const struct wire_query *query);

#endif
