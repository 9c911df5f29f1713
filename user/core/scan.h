/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the kernel once a tick, for all VMs: its KVM files, waits, exit reasons. */
#ifndef KVMLENS_CORE_SCAN_H
#define KVMLENS_CORE_SCAN_H

#include "probe/probe.h"

struct scan {
	GArray *found; /* struct kvm_found */
	GHashTable *found_by_tid; /* to those that are vCPUs */
	GArray *waiting; /* struct sched_waiting */
	GHashTable *waiting_by_slot;
	GHashTable *reasons_by_tid; /* to GArray of struct scan_reason */
};

struct scan_reason {
	uint32_t reason;
	uint64_t count, ns;
};

void scan_init(struct scan *scan);
void scan_clear(struct scan *scan);

/* Read KVM's files and exit reasons; probe NULL: forget them. */
void scan_run(struct scan *scan, struct probe *probe);

/* Read which threads wait, at now by the run queue clock (0: unknown); probe NULL: forget. */
void scan_waiting(struct scan *scan, struct probe *probe, uint64_t now);

/* Since when a slot's thread has been woken and not run, run queue clock; 0: it is not. */
uint64_t scan_queued_since(const struct scan *scan, uint16_t slot);

#endif
