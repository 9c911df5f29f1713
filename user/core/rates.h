/* SPDX-License-Identifier: Apache-2.0 */
/* Every rate and gauge that comes from two snapshots is made here, and nowhere else. Pure. */
#ifndef KVMLENS_CORE_RATES_H
#define KVMLENS_CORE_RATES_H

#include "metric/model.h"

/*
 * Growth of a counter. NAN if either is absent or the counter has gone back: that is a restart,
 * and a rate begins anew with the next pair.
 */
double rate_delta(uint64_t now, uint64_t before);

/* Growth of nanoseconds as percent of interval_ns times cpus, 0 to 100; NAN as above. */
double rate_percent(uint64_t now, uint64_t before, uint64_t interval_ns, double cpus);

/* Growth per second. */
double rate_per_second(uint64_t now, uint64_t before, uint64_t interval_ns);

/* The quantile q (0 to 1) of what a histogram gained, in ns, interpolated; NAN: nothing. */
double rate_quantile(const struct hist *now, const struct hist *before, double q);

/* Fill in the rates of a snapshot; before may be NULL, then all are NAN. */
void rates_derive(struct kvmlens_snapshot *now, const struct kvmlens_snapshot *before);

/* The same VM (same process) in another snapshot, or NULL. By binary search on the name order. */
const struct snap_vm *rates_find_vm(const struct kvmlens_snapshot *snapshot,
				    const struct snap_vm *vm);

/* The same vCPU on the same thread, or NULL. */
const struct snap_vcpu *rates_find_vcpu(const struct snap_vm *vm, const struct snap_vcpu *vcpu);

#endif
