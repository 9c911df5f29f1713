/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the run queue clock says now. User space cannot read it, but the agent's own thread is
 * tracked like any other: once it has woken, its record says since when it runs: the clock as of
 * a few microseconds ago.
 */
#ifndef KVMLENS_CORE_RQCLOCK_H
#define KVMLENS_CORE_RQCLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "probe/threads.h"

struct rqclock {
	uint16_t slot; /* of the calling thread's record, 0: none */
	bool valid;
	uint64_t rq, mono; /* one instant, on both clocks */
};

/* Align; call on the tracked thread, as soon as possible after it slept. */
void rqclock_sync(struct rqclock *clock, const struct threads *threads);

/* The run queue clock at a CLOCK_MONOTONIC_RAW time not before the last sync; 0: unknown. */
uint64_t rqclock_at(const struct rqclock *clock, uint64_t mono_raw);

uint64_t mono_raw_ns(void);

#endif
