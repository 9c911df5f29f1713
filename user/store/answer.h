/* SPDX-License-Identifier: Apache-2.0 */
/* History as JSON, as the command and the web interface give it. */
#ifndef KVMLENS_STORE_ANSWER_H
#define KVMLENS_STORE_ANSWER_H

#include <glib.h>
#include <jansson.h>
#include "store/query.h"

/*
 * One series: {"vm", "uuid", "metric", "unit", "labels", "points": [[time_ms, mean, min, max,
 * count], ...]}; of a single sample only the first two. NULL: out of memory.
 */
json_t *answer_series(const struct store_series *series, const GArray *points);

#endif
