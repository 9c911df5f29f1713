// SPDX-License-Identifier: Apache-2.0
#include "web/health.h"

/* Three intervals, as for a page, but never less: a busy disk may take seconds for one write. */
#define PATIENCE_MIN_MS 10000

/* So few are used up by the next few connections and scans. */
#define DESCRIPTORS_FEW 4

static bool is_stuck(struct health_progress *progress, uint64_t count, unsigned interval_ms,
		     uint64_t now_ms)
{
	if (!progress->since_ms || count != progress->count)
		*progress = (struct health_progress){count, now_ms};
	return now_ms - progress->since_ms > MAX(3ull * interval_ms, PATIENCE_MIN_MS);
}

unsigned health_judge(struct health *health, const struct kvmlens_snapshot *snapshot,
		      unsigned interval_ms, uint64_t now_ms)
{
	const struct snap_self *self = snapshot->self.n ? entities_at(&snapshot->self, 0) : NULL;
	const struct snap_store *store =
		snapshot->stores.n ? entities_at(&snapshot->stores, 0) : NULL;
	unsigned stuck = 0;

	if (self && is_stuck(&health->discovery, self->scans, interval_ms, now_ms))
		stuck |= HEALTH_DISCOVERY;
	if (store && ((!store->up && store->failures) ||
		      is_stuck(&health->store, store->ticks, interval_ms, now_ms)))
		stuck |= HEALTH_STORE;
	if (self && self->descriptors_max != ABSENT &&
	    (self->descriptors == ABSENT ||
	     self->descriptors + DESCRIPTORS_FEW > self->descriptors_max))
		stuck |= HEALTH_DESCRIPTORS;
	return stuck;
}

const char *health_text(unsigned stuck)
{
	if (stuck & HEALTH_DISCOVERY)
		return "the search for VMs makes no progress";
	if (stuck & HEALTH_STORE)
		return "the history store cannot be written";
	if (stuck & HEALTH_DESCRIPTORS)
		return "file descriptors are used up";
	return NULL;
}
