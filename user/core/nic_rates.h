/* SPDX-License-Identifier: Apache-2.0 */
/* Rates of network interfaces from two snapshots. Pure; a part of core/rates.h. */
#ifndef KVMLENS_CORE_NIC_RATES_H
#define KVMLENS_CORE_NIC_RATES_H

#include "metric/model.h"

/* Fill in the rates of vm->nics and vm->network; before may be NULL, then all are NAN. */
void nic_rates_derive(struct snap_vm *vm, const struct snap_vm *before);

#endif
