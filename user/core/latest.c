// SPDX-License-Identifier: Apache-2.0
#include "core/latest.h"

void latest_take(struct latest *latest, struct worker *const *workers, size_t n, uint64_t oldest_ns)
{
	*latest = (struct latest){0};
	for (size_t i = 0; i < n && latest->n < LATEST_PROVIDERS; i++) {
		struct vm_stats_set *set = worker_stats(workers[i]);

		if (!set)
			continue;
		if (set->mono_ns < oldest_ns) {
			vm_stats_set_unref(set);
			continue;
		}
		latest->names[latest->n] = worker_name(workers[i]);
		latest->sets[latest->n++] = set;
	}
}

void latest_drop(struct latest *latest)
{
	for (size_t i = 0; i < latest->n; i++)
		vm_stats_set_unref(latest->sets[i]);
	latest->n = 0;
}

const struct kvmlens_vm_stats *latest_stats(const struct latest *latest,
					    const struct inventory_vm *vm, uint64_t *ret_mono_ns)
{
	for (size_t i = 0; i < latest->n && vm->provider_id; i++) {
		const struct kvmlens_vm_stats *stats;

		if (latest->names[i] != vm->provider)
			continue;
		stats = vm_stats_find(latest->sets[i], vm->provider_id);
		if (stats)
			*ret_mono_ns = latest->sets[i]->mono_ns;
		return stats;
	}
	return NULL;
}
