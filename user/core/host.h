/* SPDX-License-Identifier: Apache-2.0 */
/* The host's own figures in a snapshot, read on a thread of their own shortly before each tick. */
#ifndef KVMLENS_CORE_HOST_H
#define KVMLENS_CORE_HOST_H

#include "metric/model.h"
#include "vm/host_read.h"

struct host;

/* root NULL: the host's own /proc and /sys. Nothing runs yet. */
struct host *host_new(const char *root);
void host_free(struct host *host);

/* Start reading, and wait a little for the first result. -EAGAIN: there is no thread for it. */
int host_start(struct host *host);

/*
 * Add the newest figures to a snapshot that has its VMs and its struct snap_host; before may be
 * NULL. The next tick comes in next_ms.
 */
void host_fill(struct host *host, struct kvmlens_snapshot *snapshot,
	       const struct kvmlens_snapshot *before, unsigned next_ms);

/* The same for a reading at hand, which may be NULL: none, or too old. */
void host_fill_reading(struct host *host, const struct host_reading *reading,
		       struct kvmlens_snapshot *snapshot, const struct kvmlens_snapshot *before);

/* Readings that failed or were not ready in time. */
uint64_t host_failures(struct host *host);

#endif
