/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVMLENS_UTIL_CLOCK_H
#define KVMLENS_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC in nanoseconds, as bpf_ktime_get_ns() has it. */
static inline uint64_t mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

#endif
