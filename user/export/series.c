// SPDX-License-Identifier: Apache-2.0
#include "export/series.h"

/* Calls fn for the arrays of one scope: one of the host, or one a VM. */
static void each_array(const struct kvmlens_snapshot *snapshot, enum metric_scope which,
		       struct scope_series *scope,
		       void (*fn)(struct scope_series *scope, const struct entities *entities,
				  enum kvmlens_level level))
{
	struct entities entities;

	if (!metric_scope_in_vm(which)) {
		entities = metric_entities(which, snapshot, NULL);
		return fn(scope, &entities, snapshot->level);
	}
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);

		entities = metric_entities(which, snapshot, vm);
		fn(scope, &entities, vm->level);
	}
}

static void count_array(struct scope_series *scope, const struct entities *entities,
			enum kvmlens_level level)
{
	scope->n += entities->n;
}

static void gather_array(struct scope_series *scope, const struct entities *entities,
			 enum kvmlens_level level)
{
	for (size_t i = 0; i < entities->n; i++) {
		const void *entity = entities_at(entities, i);
		const struct labels *labels = *(struct labels *const *)entity;

		scope->labels_len += labels->text_len;
		scope->series[scope->n++] =
			(struct series){entity, labels->text, labels->text_len, level};
	}
}

const struct scope_series *series_of(const struct kvmlens_snapshot *snapshot,
				     enum metric_scope which, struct scope_series *scope)
{
	if (scope->gathered)
		return scope;
	scope->gathered = true;
	each_array(snapshot, which, scope, count_array);
	scope->series = g_new(struct series, scope->n);
	scope->n = 0;
	each_array(snapshot, which, scope, gather_array);
	return scope;
}

void series_clear(struct scope_series *scope)
{
	g_free(scope->series);
	*scope = (struct scope_series){0};
}

enum kvmlens_level series_highest_level(const struct kvmlens_snapshot *snapshot)
{
	enum kvmlens_level highest = snapshot->level;

	for (size_t i = 0; i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);

		highest = MAX(highest, vm->level);
	}
	return highest;
}
