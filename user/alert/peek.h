/* SPDX-License-Identifier: Apache-2.0 */
/* What the running agent's alerts are, for a view beside it: read from the store's file. */
#ifndef KVMLENS_ALERT_PEEK_H
#define KVMLENS_ALERT_PEEK_H

#include <kvmlens.h>

struct alert_peek;

/* Of the store at path, which need not be there. Never NULL. */
struct alert_peek *alert_peek_new(const char *path);
void alert_peek_free(struct alert_peek *peek);

/* A kvmlens_sink_fn: look again. */
void alert_peek_feed(void *peek, const struct kvmlens_snapshot *snapshot);

/* A collector_fill_fn: add what was seen last; does not wait for alert_peek_feed. */
void alert_peek_fill(void *peek, struct kvmlens_snapshot *snapshot);

#endif
