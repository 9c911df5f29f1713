/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that hears of births and deaths of VMM threads and tells discovery. */
#ifndef KVMLENS_CORE_EVENTS_H
#define KVMLENS_CORE_EVENTS_H

#include "probe/probe.h"
#include "vm/discover.h"

struct events;

/*
 * -ENOTSUP: the kernel announces nothing, discovery then finds out by itself; else why a
 * descriptor or a thread is missing. *ret_events is set on success alone.
 */
int events_start(struct probe *probe, struct discover *discover, struct events **ret_events);
void events_stop(struct events *events);

#endif
