/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a vCPU waited: splits what blame charged in one interval, by what the CPUs did meanwhile.
 * Pure: no clock, no file.
 */
#ifndef KVMLENS_CORE_CAUSE_H
#define KVMLENS_CORE_CAUSE_H

#include "metric/model.h"

/* What a vCPU's waits of one interval were charged with; ns. */
struct cause_waits {
	uint64_t vm, host, self; /* who ran in its place */
	uint64_t softirq; /* ksoftirqd did */
	uint64_t idle; /* nobody did */
	uint64_t throttled, other;
};

/* Parts of the interval, 0 to 1. */
struct cause_shares {
	double interrupt; /* of its CPU's busy time: serving interrupts and softirqs */
	double idle_allowed; /* at least one other CPU idled that the vCPU may use */
	double idle_denied; /* at least one idled that it may not use */
};

/*
 * Add the waits to sums, by cause; what is added sums to the waits to the nanosecond.
 *
 * interrupt: ksoftirqd's time, or the interrupt share of all time that somebody had the CPU, if
 * that is more; the rest of it is taken from all others alike. Of what then remains with vm, host
 * and self, the part in which an allowed CPU idled is idle, and of the rest the part in which a
 * denied one did is pinning.
 */
void cause_split(const struct cause_waits *waits, const struct cause_shares *shares,
		 uint64_t sums[CAUSES]);

#endif
