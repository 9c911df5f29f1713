/* SPDX-License-Identifier: Apache-2.0 */
/* One tick: from the inventory, the kernel's records and the providers' results to a snapshot. */
#ifndef KVMLENS_CORE_COLLECT_H
#define KVMLENS_CORE_COLLECT_H

#include "config/config.h"
#include "core/blame.h"
#include "core/guests.h"
#include "core/rqclock.h"
#include "core/vmlabels.h"
#include "probe/probe.h"
#include "vm/inventory.h"
#include "vm/worker.h"

/* What a tick reads; all of it the collector's. */
struct collect {
	const struct config *config;
	enum kvmlens_level level; /* the default in force: config->level until it is changed */
	struct probe *probe; /* NULL: no kernel side but the records */
	struct threads *threads; /* NULL: there are none */
	struct worker *const *workers;
	size_t n_workers;
	struct vmlabels *labels;
	struct guests *guests; /* NULL: no guest's memory is to be read */
	struct cgroup_names *cgroups;
	struct blame *blame;
	GArray *blame_threads; /* struct blame_thread of the VM at hand */
	GArray *blame_records; /* struct sched_blame, what those point to */
	struct rqclock clock;
	GArray *found; /* struct kvm_found of this tick */
	GHashTable *found_by_tid; /* to struct kvm_found */
	GArray *waiting; /* struct sched_waiting */
	GHashTable *waiting_by_slot;
	GHashTable *reasons_by_tid; /* to GArray of struct collect_reason */
	uint64_t torn; /* records that could not be read in time, since the start */
};

struct collect_reason {
	uint32_t reason;
	uint64_t count, ns;
};

void collect_init(struct collect *collect);
void collect_clear(struct collect *collect);

/* What is asked of the kernel once for all VMs. On the tick thread, before collect_vms. */
void collect_scan(struct collect *collect);

/*
 * A new snapshot's VMs, without rates; before (may be NULL) keeps counters from going back.
 * inventory may be NULL. Call on the tracked tick thread, after rqclock_sync, with the tracker
 * locked.
 */
void collect_vms(struct collect *collect, const struct inventory *inventory,
		 struct kvmlens_snapshot *snapshot, const struct kvmlens_snapshot *before);

#endif
