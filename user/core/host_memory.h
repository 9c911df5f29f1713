/* SPDX-License-Identifier: Apache-2.0 */
/* What a VM takes of the host in a snapshot, and the disks that only its process tells of. */
#ifndef KVMLENS_CORE_HOST_MEMORY_H
#define KVMLENS_CORE_HOST_MEMORY_H

#include "core/levels.h"
#include "core/vmlabels.h"
#include "metric/model.h"
#include "vm/footprints.h"

/*
 * Whose footprints are to be read: those of VMs of ordinary owners, or of all others. footprints
 * may be NULL.
 */
void host_memory_set(struct footprints *footprints, const struct inventory *inventory,
		     bool ordinary, struct levels *levels);

/*
 * The VM's last footprint, if it was read after oldest_ns (CLOCK_MONOTONIC). footprints may be
 * NULL.
 */
bool host_memory_get(struct footprints *footprints, const struct vm_ident *ident,
		     uint64_t oldest_ns, struct footprint_view *ret_view);

/* view NULL: nothing is known. */
void host_memory_fill(struct vmlabels *labels, const struct footprint_view *view,
		      struct snap_vm *vm);

#endif
