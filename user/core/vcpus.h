/* SPDX-License-Identifier: Apache-2.0 */
/* The vCPUs of one VM, and what they sum to: times, histograms, KVM's counters, blame. */
#ifndef KVMLENS_CORE_VCPUS_H
#define KVMLENS_CORE_VCPUS_H

#include "core/collect.h"

/* Fill in vm->cpus and the totals of a VM whose ident and level are set. For collect_vms. */
void vcpus_fill(struct collect *collect, const struct inventory_vm *inventory_vm,
		const struct instant *now, struct snap_vm *vm);

#endif
