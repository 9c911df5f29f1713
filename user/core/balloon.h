/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the balloon tells: its size, as the host knows it, and the guest's memory, as its driver
 * reported it last. A report that stands still is none.
 */
#ifndef KVMLENS_CORE_BALLOON_H
#define KVMLENS_CORE_BALLOON_H

#include "metric/model.h"

/* Of one tick. */
struct balloon_now {
	int64_t wall_s; /* seconds since the epoch */
	uint64_t mono_ns;
	uint64_t interval_ns; /* of ticks */
};

/*
 * Fill in vm->balloon; memory NULL: nobody said anything. read_ns: when it was read,
 * CLOCK_MONOTONIC. before may be NULL.
 */
void balloon_fill(const struct kvmlens_memory_stats *memory, uint64_t read_ns,
		  const struct balloon_now *now, const struct snap_vm *before, struct snap_vm *vm);

/*
 * The guest's memory by the newest report as a view to be given back with guest_view_unref();
 * NULL: there is none, or it is stale. After balloon_fill.
 */
struct guest_view *balloon_view(const struct kvmlens_memory_stats *memory,
				const struct balloon_now *now, const struct snap_vm *before,
				const struct snap_vm *vm);

#endif
