/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of metrics, and the walk that everything downstream uses. */
#ifndef KVMLENS_METRIC_METRIC_H
#define KVMLENS_METRIC_METRIC_H

#include "metric/model.h"
#include "metric/scope.h"

#define METRIC_SCOPE_ENUM(scope, type, array, name, keys) SCOPE_##scope,

/* Which entities of a snapshot a metric has a value for: see metric/scope.h. */
enum metric_scope {
	METRIC_SCOPES_HOST(METRIC_SCOPE_ENUM) SCOPE_VM, /* the first scope inside a VM */
	METRIC_SCOPES_VM(METRIC_SCOPE_ENUM) SCOPE_MAX,
};

/* Indexes of metrics[]: M_vm_cpu_usage. */
enum metric_id {
#define METRIC(scope, id, ...) M_##id,
#include "metric/table.h"
#undef METRIC
	METRIC_MAX
};

enum metric_kind { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

enum metric_type {
	TYPE_U64, /* uint64_t, printed as it is */
	TYPE_U32, /* uint32_t or an enum, always known */
	TYPE_BOOL, /* bool, printed as 0 or 1 */
	TYPE_NS, /* uint64_t nanoseconds, printed as exact seconds */
	TYPE_DOUBLE,
	TYPE_HIST, /* struct hist, bounds and sum in seconds */
};

struct metric {
	const char *name; /* dotted */
	const char *prom; /* the same with underscores, but for two: see metric/table.h */
	enum metric_scope scope;
	enum metric_kind kind;
	enum metric_type type;
	size_t offset; /* of the field in the scope's entity */
	const char *unit;
	enum kvmlens_level level; /* the lowest that shows it */
	unsigned group; /* enum kvmlens_group; 0: always */
	const char *source; /* where the value comes from, best first */
	const char *help;
};

/* A finished value; which member counts is the metric's type: u64 for TYPE_U32 and TYPE_BOOL too.
 */
struct metric_value {
	uint64_t u64;
	double d;
	const struct hist *hist;
};

extern const struct metric metrics[METRIC_MAX];
extern const size_t n_metrics;

/* A scope by name (vcpu), and the labels of its entities as the catalogue tells them. */
struct metric_scope_info {
	const char *name;
	const char *keys;
};

extern const struct metric_scope_info metric_scopes[SCOPE_MAX];

/* By name, dotted or with underscores, or by Prometheus name; NULL: there is none. */
const struct metric *metric_find(const char *name);

/* The known name nearest to a misspelt one, NULL when none is near. */
const char *metric_nearest(const char *name);

/* False when the entity does not know this value. */
bool metric_read(const struct metric *metric, const void *entity, struct metric_value *ret_value);

/* A scalar as a number in the metric's unit: seconds for TYPE_NS. Not for histograms. */
double metric_number(const struct metric *metric, const struct metric_value *value);

/*
 * The entities of a scope, of vm when the scope lies inside a VM (vm may be NULL else). Those of
 * SCOPE_VM are vm alone. Borrowed from the snapshot.
 */
struct entities metric_entities(enum metric_scope scope, const struct kvmlens_snapshot *snapshot,
				const struct snap_vm *vm);

static inline bool metric_scope_in_vm(enum metric_scope scope)
{
	return scope >= SCOPE_VM;
}

/* Is the metric's group switched on? */
static inline bool metric_group_on(const struct metric *metric,
				   const struct kvmlens_snapshot *snapshot)
{
	return !metric->group || (snapshot->groups & metric->group);
}

/* Does the snapshot show this metric for this VM (NULL for the host's scopes)? */
bool metric_shown(const struct metric *metric, const struct kvmlens_snapshot *snapshot,
		  const struct snap_vm *vm);

/* One entity's value of one metric. Return non-zero to end the walk. */
typedef int (*metric_walk_fn)(void *arg, const struct metric *metric, const struct snap_vm *vm,
			      const struct labels *labels, const struct metric_value *value);

/* All shown values that are known, metric by metric in the table's order; NULL metric: all. */
int metric_walk(const struct kvmlens_snapshot *snapshot, const struct metric *metric,
		metric_walk_fn fn, void *arg);

#endif
