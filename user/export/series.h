/* SPDX-License-Identifier: Apache-2.0 */
/* The entities of a snapshot in flat arrays, gathered once for all metrics of a scope. */
#ifndef KVMLENS_EXPORT_SERIES_H
#define KVMLENS_EXPORT_SERIES_H

#include "metric/metric.h"

/* One entity of a scope, with what each of its lines needs. */
struct series {
	const char *entity;
	const char *labels; /* labels.text */
	uint32_t labels_len;
	uint32_t level; /* enum kvmlens_level in force */
};

/* All entities of one scope. Zero-initialised it is not gathered yet. */
struct scope_series {
	bool gathered;
	struct series *series;
	size_t n;
	size_t labels_len; /* of all together */
};

/* Gather the entities of a scope, of all VMs, unless *scope has them already; returns scope. */
const struct scope_series *series_of(const struct kvmlens_snapshot *snapshot,
				     enum metric_scope which, struct scope_series *scope);
void series_clear(struct scope_series *scope);

/* The highest level in force: of the host and of any VM. */
enum kvmlens_level series_highest_level(const struct kvmlens_snapshot *snapshot);

#endif
