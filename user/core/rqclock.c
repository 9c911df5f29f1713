// SPDX-License-Identifier: Apache-2.0
#include <time.h>
#include "core/rqclock.h"

uint64_t mono_raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* A preemption between reading the record and the clock would shift them: then try again. */
void rqclock_sync(struct rqclock *clock, const struct threads *threads)
{
	struct sched_thread before, after;
	uint64_t mono;
	int i;

	for (i = 0; i < 8; i++) {
		if (threads_read(threads, clock->slot, &before) ||
		    before.state != SCHED_STATE_RUNNING)
			return;
		mono = mono_raw_ns();
		if (threads_read(threads, clock->slot, &after))
			return;
		if (before.switches != after.switches)
			continue;
		clock->rq = before.since;
		clock->mono = mono;
		clock->valid = true;
		return;
	}
}

uint64_t rqclock_at(const struct rqclock *clock, uint64_t mono_raw)
{
	if (!clock->valid || mono_raw < clock->mono)
		return clock->valid ? clock->rq : 0;
	return clock->rq + (mono_raw - clock->mono);
}
