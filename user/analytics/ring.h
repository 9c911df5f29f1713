/* SPDX-License-Identifier: Apache-2.0 */
/* The means of the last N intervals of a fixed length, by the clock; no pointers. */
#ifndef KVMLENS_ANALYTICS_RING_H
#define KVMLENS_ANALYTICS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
	int64_t slot; /* number of the interval that is being filled; 0: none yet */
	double sum;
	uint32_t count; /* samples in it */
	uint32_t filled; /* finished intervals behind it, at most as many as the ring has */
};

/*
 * Add a sample; value[i] belongs to the interval whose number is i modulo n. Intervals without a
 * sample become NAN. True: an interval was finished by this sample. Times that go back are
 * ignored.
 */
bool ring_add(struct ring *ring, float *value, uint32_t n, unsigned step_s, int64_t time_s,
	      double sample);

/*
 * Copy the last finished intervals, oldest first, at most max; times (may be NULL) are their
 * middles in seconds. Returns how many.
 */
size_t ring_copy(const struct ring *ring, const float *value, uint32_t n, unsigned step_s,
		 size_t max, double *ret_times, double *ret_values);

bool ring_valid(const struct ring *ring, uint32_t n);

#endif
