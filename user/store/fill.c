/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fill.h"

#include "metric/model.h"
#include "store/store.h"

void store_fill(void *store, struct kvmlens_snapshot *snapshot)
{
	struct store_stats stats;

	store_stats(store, &stats);
	entities_alloc(&snapshot->stores, 1, sizeof(struct snap_store));
	*(struct snap_store *)snapshot->stores.v = (struct snap_store){
		.labels = labels_new(NULL, NULL, 0),
		.up = stats.open,
		.ticks = stats.ticks,
		.ticks_dropped = stats.ticks_dropped,
		.jobs_refused = stats.jobs_refused,
		.failures = stats.failures,
		.set_aside = stats.set_aside,
		.series_refused = stats.series_refused,
		.gone_vms = stats.gone_vms,
		.gone_rows = stats.gone_rows,
		.squeezed = stats.squeezed,
		.replaced = stats.replaced,
		.bytes = stats.bytes,
		.waiting = stats.waiting,
		.cpu_ns = stats.writer_ns,
	};
}
