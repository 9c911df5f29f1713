/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's block devices below VMs, as the kernel counts the VMs' requests to them. Tells the
 * kernel which processes and cgroups are VMs, and reads what it counted. Belongs to the tick.
 *
 * A byte that passes several devices on its way down, a loop device and the disk behind it, is
 * counted on the uppermost one: where the VM's own threads hand it in.
 */
#ifndef KVMLENS_CORE_DEVICES_H
#define KVMLENS_CORE_DEVICES_H

#include "core/vmlabels.h"
#include "probe/probe.h"

struct devices;

/* probe NULL: nothing is ever known. */
struct devices *devices_new(struct probe *probe);
void devices_free(struct devices *devices);

/* Begin a tick: what the kernel has counted for these VMs until now. */
void devices_begin(struct devices *devices, const struct inventory *inventory);

/* The cgroup that holds this VM alone, 0: it has none. Between begin and fill. */
void devices_cgroup(struct devices *devices, const struct vm_ident *ident, uint64_t cgroup);

/* No rates yet. mono_ns: of the tick. */
void devices_fill(struct devices *devices, struct vmlabels *labels, uint64_t mono_ns,
		  struct snap_vm *vm);

#endif
