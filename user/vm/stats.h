/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of one VM as a provider fills them in; init, clear and add are in kvmlens.h. */
#ifndef KVMLENS_VM_STATS_H
#define KVMLENS_VM_STATS_H

#include <kvmlens.h>
#include "util/bounds.h"

/*
 * A deep copy, for vm_stats_free. A struct from a provider built for an older library is
 * shorter: what it lacks is absent.
 */
struct kvmlens_vm_stats *vm_stats_copy(const struct kvmlens_vm_stats *stats);
void vm_stats_free(struct kvmlens_vm_stats *stats);

#endif
