/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that rules compare: of a metric, its ratio to another one, or the rate of a counter. Rates
 * are as Prometheus's rate() gives them, resets and the window's edges included, so that exported
 * rules mean the same.
 */
#ifndef KVMLENS_ALERT_MEASURE_H
#define KVMLENS_ALERT_MEASURE_H

#include "alert/rules.h"

#define MEASURE_SAMPLES_MAX \
	128 /* of a window; of shorter intervals the newest of each part stays */

struct measures;

struct measures *measures_new(void);
void measures_free(struct measures *measures);

/* Forget the counters that no step has seen for their window. */
void measures_purge(struct measures *measures, int64_t now_ms);

/* What is measured, and when. */
struct measure {
	const struct metric *metric, *divisor;
	int64_t rate_ms;
	uint64_t key; /* tells the counter of one rule, term and series from another */
};

/* False: it is not known. A ratio to zero, and a rate of one sample, is not. */
bool measure_read(struct measures *measures, const struct measure *what,
		  const struct kvmlens_snapshot *snapshot, const struct snap_vm *vm,
		  const void *entity, int64_t now_ms, double *ret_value);

#endif
