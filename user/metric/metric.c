// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "metric/metric.h"
#include "util/text.h"

typedef struct snap_vm entity_VM;
#define ENTITY(scope, type, array, name, keys) typedef type entity_##scope;
METRIC_SCOPES_HOST(ENTITY)
METRIC_SCOPES_VM(ENTITY)
#undef ENTITY

/* Each field has the C type that the row claims, and each entity begins with its labels. */
typedef uint64_t field_U64, field_NS;
typedef uint32_t field_U32;
typedef bool field_BOOL;
typedef double field_DOUBLE;
typedef struct hist field_HIST;
#define METRIC(scope, id, name, kind, type, field, ...)                                       \
	_Static_assert(_Generic(((entity_##scope *)0)->field, field_##type : 1, default : 0), \
		       name ": the field is of another type");
#include "metric/table.h"
#undef METRIC
#define ENTITY(scope, type, array, name, keys) \
	_Static_assert(offsetof(type, labels) == 0, #type " does not begin with its labels");
METRIC_SCOPES_HOST(ENTITY)
METRIC_SCOPES_VM(ENTITY)
#undef ENTITY

#define KVMLENS_NONE 0
const struct metric metrics[METRIC_MAX] = {
#define METRIC(scope, id, name, kind, type, field, unit, level, group, source, help) \
	[M_##id] = {name,                                                            \
		    #id,                                                             \
		    SCOPE_##scope,                                                   \
		    METRIC_##kind,                                                   \
		    TYPE_##type,                                                     \
		    offsetof(entity_##scope, field),                                 \
		    unit,                                                            \
		    KVMLENS_##level,                                                 \
		    KVMLENS_##group,                                                 \
		    source,                                                          \
		    help},
#include "metric/table.h"
#undef METRIC
};
const size_t n_metrics = METRIC_MAX;

const struct metric_scope_info metric_scopes[SCOPE_MAX] = {
#define SCOPE(scope, type, array, name, keys) [SCOPE_##scope] = {name, keys},
	METRIC_SCOPES_HOST(SCOPE) METRIC_SCOPES_VM(SCOPE)
#undef SCOPE
		[SCOPE_VM] = {"vm", "vm, uuid"},
};

/* Where a scope's array lies in the snapshot or in the VM. */
static const size_t arrays[SCOPE_MAX] = {
#define ARRAY(scope, type, array, name, keys) \
	[SCOPE_##scope] = offsetof(struct kvmlens_snapshot, array),
	METRIC_SCOPES_HOST(ARRAY)
#undef ARRAY
#define ARRAY(scope, type, array, name, keys) [SCOPE_##scope] = offsetof(struct snap_vm, array),
		METRIC_SCOPES_VM(ARRAY)
#undef ARRAY
};

static bool is_called(const struct metric *metric, const char *name)
{
	const char *dotted = metric->name;

	if (!strcmp(metric->prom, name))
		return true;
	while (*dotted && (*dotted == *name || (*dotted == '.' && *name == '_'))) {
		dotted++;
		name++;
	}
	return !*dotted && !*name;
}

const struct metric *metric_find(const char *name)
{
	for (size_t i = 0; i < n_metrics; i++)
		if (is_called(&metrics[i], name))
			return &metrics[i];
	return NULL;
}

const char *metric_nearest(const char *name)
{
	const char *names[METRIC_MAX];

	for (size_t i = 0; i < METRIC_MAX; i++)
		names[i] =
			strchr(name, '_') && !strchr(name, '.') ? metrics[i].prom : metrics[i].name;
	return text_nearest(name, names, METRIC_MAX);
}

bool metric_read(const struct metric *metric, const void *entity, struct metric_value *ret_value)
{
	const char *field = (const char *)entity + metric->offset;
	struct metric_value value = {0};

	switch (metric->type) {
	case TYPE_U64:
	case TYPE_NS:
		value.u64 = *(const uint64_t *)field;
		if (value.u64 == ABSENT)
			return false;
		break;
	case TYPE_U32:
		value.u64 = *(const uint32_t *)field;
		break;
	case TYPE_BOOL:
		value.u64 = *(const bool *)field;
		break;
	case TYPE_DOUBLE:
		value.d = *(const double *)field;
		if (isnan(value.d))
			return false;
		break;
	case TYPE_HIST:
		value.hist = (const struct hist *)field;
		if (!value.hist->valid)
			return false;
		break;
	}
	*ret_value = value;
	return true;
}

double metric_number(const struct metric *metric, const struct metric_value *value)
{
	switch (metric->type) {
	case TYPE_NS:
		return value->u64 / 1e9;
	case TYPE_DOUBLE:
		return value->d;
	case TYPE_HIST:
		return NAN;
	default:
		return value->u64;
	}
}

struct entities metric_entities(enum metric_scope scope, const struct kvmlens_snapshot *snapshot,
				const struct snap_vm *vm)
{
	const char *holder = metric_scope_in_vm(scope) ? (const char *)vm : (const char *)snapshot;

	if (scope == SCOPE_VM)
		return (struct entities){(void *)vm, 1, sizeof(*vm)};
	return *(const struct entities *)(holder + arrays[scope]);
}

bool metric_shown(const struct metric *metric, const struct kvmlens_snapshot *snapshot,
		  const struct snap_vm *vm)
{
	enum kvmlens_level level = vm ? vm->level : snapshot->level;

	return metric->level <= level && metric_group_on(metric, snapshot);
}
