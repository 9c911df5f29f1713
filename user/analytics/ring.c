/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/ring.h"

#include <math.h>

static void finish(struct ring *ring, float *value, uint32_t n, int64_t next)
{
	int64_t gap = next - ring->slot - 1;

	value[ring->slot % n] = ring->count ? (float)(ring->sum / ring->count) : NAN;
	/* More than a whole turn of nothing is the same as one. */
	for (int64_t i = gap > n ? next - n : ring->slot + 1; i < next; i++)
		value[i % n] = NAN;
	ring->filled = gap >= n ? n : (uint32_t)(ring->filled + 1 + gap);
	if (ring->filled > n)
		ring->filled = n;
	ring->slot = next;
	ring->sum = 0;
	ring->count = 0;
}

bool ring_add(struct ring *ring, float *value, uint32_t n, unsigned step_s, int64_t time_s,
	      double sample)
{
	int64_t slot = time_s / step_s;
	bool finished = false;

	if (time_s <= 0 || slot < ring->slot)
		return false;
	if (!ring->slot)
		ring->slot = slot;
	if (slot > ring->slot) {
		finish(ring, value, n, slot);
		finished = true;
	}
	if (isfinite(sample)) {
		ring->sum += sample;
		ring->count++;
	}
	return finished;
}

size_t ring_copy(const struct ring *ring, const float *value, uint32_t n, unsigned step_s,
		 size_t max, double *ret_times, double *ret_values)
{
	size_t take = ring->filled < max ? ring->filled : max;

	for (size_t i = 0; i < take; i++) {
		int64_t slot = ring->slot - (int64_t)(take - i);

		ret_values[i] = value[slot % n];
		if (ret_times)
			ret_times[i] = ((double)slot + 0.5) * step_s;
	}
	return take;
}

bool ring_valid(const struct ring *ring, uint32_t n)
{
	return ring->slot >= 0 && ring->filled <= n && ring->filled <= ring->slot &&
	       isfinite(ring->sum) && ring->slot < INT64_C(1) << 40;
}
