/* SPDX-License-Identifier: Apache-2.0 */
/* The newest statistics of every provider, taken once a tick and read VM by VM. */
#ifndef KVMLENS_CORE_LATEST_H
#define KVMLENS_CORE_LATEST_H

#include "vm/inventory.h"
#include "vm/worker.h"

#define LATEST_PROVIDERS 8

struct latest {
	const char *names[LATEST_PROVIDERS];
	struct vm_stats_set *sets[LATEST_PROVIDERS];
	size_t n;
};

/* Statistics read before oldest_ns (CLOCK_MONOTONIC) are as good as none. */
void latest_take(struct latest *latest, struct worker *const *workers, size_t n,
		 uint64_t oldest_ns);
void latest_drop(struct latest *latest);

/*
 * What the VM's provider last said of it, and when (CLOCK_MONOTONIC); NULL: nothing, or too long
 * ago. Lives until latest_drop.
 */
const struct kvmlens_vm_stats *latest_stats(const struct latest *latest,
					    const struct inventory_vm *vm, uint64_t *ret_mono_ns);

#endif
