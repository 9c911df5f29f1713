/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One series, one value: a time series is its name and its labels, so within a scope no two
 * entities have the same labels. Prometheus keeps one of two such samples, drops the other and
 * refuses neither. Whoever fills a snapshot makes its labels distinct or merges what is alike; what
 * passes nevertheless is taken out here, before anything else sees the snapshot.
 */
#ifndef KVMLENS_METRIC_UNIQUE_H
#define KVMLENS_METRIC_UNIQUE_H

#include "metric/metric.h"

/* Called for an entity that is taken out, while its labels still live. */
typedef void (*snapshot_duplicate_fn)(void *arg, enum metric_scope scope,
				      const struct labels *labels);

/*
 * Take out each VM whose labels an earlier VM has, each entity whose labels an earlier one of its
 * scope has, and each entity of a VM whose labels do not begin with the VM's. fn: or NULL. Returns
 * how many were taken out. Call before the snapshot is published.
 */
unsigned snapshot_drop_duplicates(struct kvmlens_snapshot *snapshot, snapshot_duplicate_fn fn,
				  void *arg);

#endif
