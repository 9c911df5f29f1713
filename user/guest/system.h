/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's own totals: memory, swap, faults, CPU time as it counts it, load, names, clock. */
#ifndef KVMLENS_GUEST_SYSTEM_H
#define KVMLENS_GUEST_SYSTEM_H

#include "guest/kernel.h"
#include "guest/report.h"

/*
 * Every value that cannot be read is GUEST_ABSENT, each by itself; names are then empty.
 * cpus has room for GUEST_CPUS_MAX; *ret_n_cpus is how many the guest has online, the lowest
 * numbers first.
 */
void guest_system_read(struct guest_kernel *kernel, struct guest_system *ret_system,
		       struct guest_cpu *cpus, uint32_t *ret_n_cpus);

#endif
