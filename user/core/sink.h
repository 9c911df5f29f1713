/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer of snapshots on a thread of its own: it always gets the newest, and may miss some. */
#ifndef KVMLENS_CORE_SINK_H
#define KVMLENS_CORE_SINK_H

#include <kvmlens.h>

struct sink;

struct sink *sink_new(kvmlens_sink_fn fn, void *arg);
int sink_start(struct sink *sink);

/* Hand over a snapshot; takes a reference of its own. Never blocks. */
void sink_offer(struct sink *sink, const struct kvmlens_snapshot *snapshot);

/* How many snapshots were replaced before fn saw them. */
uint64_t sink_missed(struct sink *sink);

/* Wait for fn to return, end the thread, free. */
void sink_free(struct sink *sink);

#endif
