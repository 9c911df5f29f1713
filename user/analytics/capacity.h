/* SPDX-License-Identifier: Apache-2.0 */
/* When does something run out, and what size would a VM need? */
#ifndef KVMLENS_ANALYTICS_CAPACITY_H
#define KVMLENS_ANALYTICS_CAPACITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "analytics/trend.h"

/* What is not full within this is not said to fill. */
#define CAPACITY_HORIZON_S (365.0 * 86400)

/* Growth of a level: a line whose slope is uncertain, and steps that wander beside it. */
struct growth {
	struct trend trend;
	double wander; /* standard deviation of a second's step */
	double gap; /* from the line's end to full */
};

/*
 * Fit the growth of used towards capacity (one unit). -EINVAL: too few samples or a capacity
 * that is not positive.
 */
int growth_fit(const double *time_s, const double *used, size_t n, double capacity,
	       struct growth *ret_growth);

/* Chance, 0 to 1, that it is full at some moment within this many seconds. */
double growth_full_within(const struct growth *growth, double seconds);

/*
 * Seconds until it is full with this chance (0.5: the median); INFINITY when that chance is not
 * reached within CAPACITY_HORIZON_S.
 */
double growth_time_to_full(const struct growth *growth, double chance);

enum sizing_verdict {
	SIZING_KEEP,
	SIZING_SHRINK,
	SIZING_GROW,
	SIZING_HOST, /* it waits for the host: another size would not help */
};

struct sizing {
	enum sizing_verdict verdict;
	double now, advised; /* vCPUs, or bytes */
	double p50, p95, p99; /* of what was used, in the same unit */
	double wait_p95; /* percent of ready time; vCPUs only */
};

/*
 * Advice on vCPUs from their use and ready time, percent of wall time averaged over the vCPUs
 * (ready may be NULL). -EINVAL: fewer than 60 finite samples, or no vCPU.
 */
int sizing_vcpus(unsigned vcpus, const double *usage, const double *ready, size_t n,
		 struct sizing *ret_sizing);

/* Advice on memory from the bytes in use. -EINVAL likewise. */
int sizing_memory(double total, const double *used, size_t n, struct sizing *ret_sizing);

/* One sentence with the reason; bytes: the numbers are bytes, else vCPUs. */
void sizing_explain(const struct sizing *sizing, bool bytes, char *ret_text, size_t size);

#endif
