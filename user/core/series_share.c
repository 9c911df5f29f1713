// SPDX-License-Identifier: Apache-2.0
#include "core/series_share.h"

#include <string.h>
#include "metric/metric.h"

/* A VM of an ordinary owner. */
struct counted {
	struct snap_vm *vm;
	uint64_t series;
};

static GArray *ordinary_vms(struct kvmlens_snapshot *snapshot)
{
	GArray *vms = g_array_new(FALSE, FALSE, sizeof(struct counted));

	for (size_t i = 0; i < snapshot->vms.n; i++) {
		struct counted counted = {entities_at(&snapshot->vms, i), 0};

		if (counted.vm->ident->owner.ordinary)
			g_array_append_val(vms, counted);
	}
	return vms;
}

static int count(void *arg, const struct metric *metric, const struct snap_vm *vm,
		 const struct labels *labels, const struct metric_value *value)
{
	struct counted *counted = vm ? g_hash_table_lookup(arg, vm) : NULL;

	(void)labels;
	(void)value;
	if (counted)
		counted->series += metric->type == TYPE_HIST ? HIST_BUCKETS + 3 : 1;
	return 0;
}

/* By owner, the eldest first. */
static gint by_owner(gconstpointer a, gconstpointer b)
{
	const struct vm_ident *x = ((const struct counted *)a)->vm->ident;
	const struct vm_ident *y = ((const struct counted *)b)->vm->ident;
	int r = strcmp(x->owner.name, y->owner.name);

	return r ? r : (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

void series_share_apply(struct kvmlens_snapshot *snapshot, struct refusals *refusals)
{
	g_autoptr(GArray) vms = ordinary_vms(snapshot);
	g_autoptr(GHashTable) by_vm = g_hash_table_new(NULL, NULL);
	uint64_t most = refusals_limit(refusals, REFUSAL_SERIES), sum = 0;
	const char *owner = "";

	if (!vms->len)
		return;
	g_array_sort(vms, by_owner);
	for (guint i = 0; i < vms->len; i++) {
		struct counted *counted = &g_array_index(vms, struct counted, i);

		g_hash_table_insert(by_vm, counted->vm, counted);
	}
	metric_walk(snapshot, NULL, count, by_vm);
	for (guint i = 0; i < vms->len; i++) {
		const struct counted *counted = &g_array_index(vms, struct counted, i);
		const struct vm_ident *ident = counted->vm->ident;

		if (strcmp(owner, ident->owner.name))
			sum = 0;
		owner = ident->owner.name;
		sum += counted->series;
		if (sum <= most)
			continue;
		refusals_add(refusals, &ident->owner, ident->pid, REFUSAL_SERIES, counted->series);
		snap_vm_strip(counted->vm);
	}
}
