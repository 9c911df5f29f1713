/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which threads have a record: discovery's way to the kernel side. Discovery changes it on its
 * thread, the tick reads; one lock, held for microseconds, keeps threads and inventory in step.
 */
#ifndef KVMLENS_CORE_TRACK_H
#define KVMLENS_CORE_TRACK_H

#include "probe/probe.h"
#include "vm/discover.h"

struct tracker;

/* probe stays the caller's and must outlive the tracker. */
struct tracker *tracker_new(struct probe *probe);
void tracker_free(struct tracker *tracker);

/* For discover_config, with the tracker as ctx. */
extern const struct discover_ops tracker_ops;

void tracker_lock(struct tracker *tracker);
void tracker_unlock(struct tracker *tracker);

/* Track the calling thread as the agent's own; its slot, 0: no room. */
uint16_t tracker_add_self(struct tracker *tracker);

/* Threads that found no room, since the start. */
uint64_t tracker_refused(struct tracker *tracker);

#endif
