/* SPDX-License-Identifier: Apache-2.0 */
/* Some of a snapshot's VMs. */
#ifndef KVMLENS_CLI_SELECT_H
#define KVMLENS_CLI_SELECT_H

#include <stdbool.h>
#include "metric/model.h"

/* Is this VM meant by --vm: a glob on its name, as given or as shown, or its uuid? */
bool select_matches(const struct snap_vm *vm, const char *pattern);

/* How many VMs of the snapshot are meant; pattern NULL: all. */
size_t select_count(const struct kvmlens_snapshot *snapshot, const char *pattern);

/*
 * A view of the snapshot that has only these VMs. It borrows everything from the snapshot, which
 * must outlive it; select_clear() frees what is its own. It is no counted snapshot.
 */
void select_vms(const struct kvmlens_snapshot *snapshot, const char *pattern,
		struct kvmlens_snapshot *ret_view);
void select_clear(struct kvmlens_snapshot *view);

#endif
