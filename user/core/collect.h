/* SPDX-License-Identifier: Apache-2.0 */
/* One tick: from the inventory, the kernel's records and the providers' results to a snapshot. */
#ifndef KVMLENS_CORE_COLLECT_H
#define KVMLENS_CORE_COLLECT_H

#include "config/config.h"
#include "core/blame.h"
#include "core/guestagent.h"
#include "core/devices.h"
#include "core/guests.h"
#include "core/latest.h"
#include "core/levels.h"
#include "core/nics.h"
#include "core/records.h"
#include "core/stall_watch.h"
#include "core/vmlabels.h"
#include "probe/probe.h"
#include "vm/footprints.h"
#include "vm/inventory.h"
#include "vm/worker.h"

/* What a tick reads; all of it the collector's. */
struct collect {
	const struct config *config;
	struct levels *levels;
	struct refusals *refusals;
	struct probe *probe; /* NULL: no kernel side but the records */
	struct threads *threads; /* NULL: there are none */
	struct worker *const *workers;
	size_t n_workers;
	struct vmlabels *labels;
	struct guests *guests; /* NULL: no guest's memory is to be read */
	struct guest_agents *agents; /* NULL: no guest's agent is to be asked */
	struct stall_watch *stalls; /* NULL: nobody watches */
	struct cgroup_names *cgroups;
	struct blame *blame;
	GArray *blame_threads; /* struct blame_thread of the VM at hand */
	GArray *blame_records; /* struct sched_blame, what those point to */
	struct devices *devices;
	/* Of trusted VMs and, apart from them, of ordinary owners' VMs; NULL: not wanted. */
	struct footprints *footprints[2];
	struct latest latest; /* what providers said last, during a tick */
	unsigned interval_ms; /* of ticks, now */
	struct nics *nics; /* NULL: the group is off */
	uint64_t footprint_ns; /* when that of the VM at hand was read, 0: it is not known */
	struct rqclock clock;
	struct scan scan;
	struct records records;
	struct instant now; /* of the last tick */
	uint64_t beyond_bounds; /* how much more VMs had than is taken, summed up */
};

void collect_init(struct collect *collect);
void collect_clear(struct collect *collect);

/*
 * A new snapshot's VMs, without rates; before (may be NULL) keeps counters from going back.
 * inventory may be NULL. Call on the tracked tick thread, after rqclock_sync,
 * with the tracker locked.
 */
void collect_vms(struct collect *collect, const struct inventory *inventory,
		 struct kvmlens_snapshot *snapshot, const struct kvmlens_snapshot *before);

#endif
