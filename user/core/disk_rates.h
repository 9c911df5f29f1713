/* SPDX-License-Identifier: Apache-2.0 */
/* What disks did between two snapshots. Pure. */
#ifndef KVMLENS_CORE_DISK_RATES_H
#define KVMLENS_CORE_DISK_RATES_H

#include "metric/model.h"

/*
 * Rates from two readings, each with its own stamp; was may be NULL. A reading that has not been
 * renewed since keeps the rates that it had. A counter that went back, or is not known, gives NAN.
 */
void disk_rates_of(const struct disk_io *now, const struct disk_io *was,
		   const struct disk_rates *had, struct disk_rates *ret_rates);

/* All disks and devices of a VM, their sums and the three mean latencies; before may be NULL. */
void disk_rates_derive(struct snap_vm *vm, const struct snap_vm *before);

#endif
