// SPDX-License-Identifier: Apache-2.0
#include "core/cause.h"

#define PARTS 4 /* vm, host, self, idle: the last is left out where it gains */

/* Take amount from the parts, from each in proportion; returns what was taken. */
static uint64_t carve(uint64_t *parts, unsigned n, uint64_t amount)
{
	uint64_t total = 0, left, take;
	unsigned i;

	for (i = 0; i < n; i++)
		total += parts[i];
	left = amount = MIN(amount, total);
	for (i = 0; i < n && total; i++) {
		take = (uint64_t)((double)parts[i] / (double)total * (double)amount);
		take = MIN(MIN(take, parts[i]), left);
		parts[i] -= take;
		left -= take;
	}
	/* What rounding left over: a few nanoseconds. */
	for (i = 0; i < n; i++) {
		take = MIN(left, parts[i]);
		parts[i] -= take;
		left -= take;
	}
	return amount - left;
}

static uint64_t part_of(uint64_t ns, double share)
{
	if (!(share > 0))
		return 0;
	return share >= 1 ? ns : (uint64_t)((double)ns * share);
}

void cause_split(const struct cause_waits *w, const struct cause_shares *shares,
		 uint64_t sums[CAUSES])
{
	uint64_t parts[PARTS] = {w->vm, w->host, w->self, w->idle}, interrupt, busy, taken;

	interrupt = part_of(w->vm + w->host + w->self + w->idle + w->softirq, shares->interrupt);
	taken = interrupt > w->softirq ? carve(parts, PARTS, interrupt - w->softirq) : 0;
	sums[CAUSE_INTERRUPT] += w->softirq + taken;
	busy = parts[0] + parts[1] + parts[2];
	sums[CAUSE_IDLE] += parts[3] + carve(parts, 3, part_of(busy, shares->idle_allowed));
	busy = parts[0] + parts[1] + parts[2];
	sums[CAUSE_PINNING] += carve(parts, 3, part_of(busy, shares->idle_denied));
	sums[CAUSE_VM] += parts[0];
	sums[CAUSE_HOST] += parts[1];
	sums[CAUSE_SELF] += parts[2];
	sums[CAUSE_THROTTLED] += w->throttled;
	sums[CAUSE_OTHER] += w->other;
}
