/* SPDX-License-Identifier: Apache-2.0 */
/* From a view into a guest, whichever source took it, to the values of a snapshot. */
#ifndef KVMLENS_CORE_GUEST_H
#define KVMLENS_CORE_GUEST_H

#include "metric/model.h"
#include "util/bounds.h"

#define GUEST_TOP 10u /* by CPU, and as many by memory, at detailed */

/*
 * Fill vm->guest and vm->processes. view (NULL: no source answers, all is absent) is taken a
 * reference on; before is the same VM in the last snapshot, or NULL. Rates are between view and
 * the last other view of the same source, whenever that was.
 */
void guest_fill(struct snap_vm *vm, const struct snap_vm *before, struct guest_view *view);

#endif
