/* SPDX-License-Identifier: Apache-2.0 */
/* What VMs have to do with each other: who moves with whom, who hurts whom, who fits whom. */
#ifndef KVMLENS_ANALYTICS_CROSSVM_H
#define KVMLENS_ANALYTICS_CROSSVM_H

#include <glib.h>
#include <stddef.h>
#include "analytics/correlate.h"

struct crossvm_pair {
	size_t a, b; /* indices of VMs, a < b */
	double rho; /* above 0: together, below: against each other */
	double p; /* corrected for the number of pairs */
};

/* Pairs whose loads are related beyond chance, strongest first. Array of struct crossvm_pair. */
GArray *crossvm_pairs(const struct ranks *load, size_t n);

/*
 * Groups of VMs whose members all move together (rho at least 0.6): group[i] is a number from 0,
 * the same for the same group; a VM like no other is its own group. Returns how many groups.
 */
size_t crossvm_groups(const GArray *pairs, size_t n, size_t *ret_group);

struct crossvm_culprit {
	size_t vm;
	double rho; /* of the victim's suffering with its load */
	double share; /* of the victim's suffering charged to it by blame; NAN: not known */
	double score; /* what they are sorted by, 0 to 1 */
};

/*
 * Who is busy when the victim suffers, worst first, at most max; share (may be NULL) has a part
 * of 0 to 1 for each VM, NAN where blame is not known. Returns how many.
 */
size_t crossvm_culprits(const struct ranks *suffering, size_t victim, const struct ranks *load,
			const double *share, size_t n, struct crossvm_culprit *ret_culprits,
			size_t max);

enum crossvm_advice { ADVICE_APART, ADVICE_TOGETHER };

struct crossvm_hint {
	enum crossvm_advice advice;
	size_t a, b;
	double rho;
	double joint,
		sum; /* percent of a CPU: 95th percentile of both at once; sum of each one's */
};

/*
 * Placement: pairs that peak together should not share CPUs, those whose joint peak is well below
 * the sum of their peaks fit. load holds n samples of each VM in percent of one CPU. Array of
 * struct crossvm_hint, most to gain first, at most max.
 */
GArray *crossvm_hints(const double *const *load, size_t samples, const GArray *pairs, size_t max);

#endif
