/* SPDX-License-Identifier: Apache-2.0 */
/* The share of series that an ordinary owner's VMs have in a snapshot. */
#ifndef KVMLENS_CORE_SERIES_SHARE_H
#define KVMLENS_CORE_SERIES_SHARE_H

#include "metric/model.h"
#include "vm/refusal.h"

/*
 * Of a snapshot that is complete: where the VMs of an ordinary owner have more series than its
 * share, the youngest lose their parts (vCPUs, disks and so on) until the rest fits, and keep the
 * few series of the VM itself.
 */
void series_share_apply(struct kvmlens_snapshot *snapshot, struct refusals *refusals);

#endif
