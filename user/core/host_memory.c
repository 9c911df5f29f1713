// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#include "core/host_memory.h"

void host_memory_set(struct footprints *footprints, const struct inventory *inventory,
		     bool ordinary, struct levels *levels)
{
	g_autofree struct footprint_target *targets = NULL;
	size_t n = 0;

	if (!footprints)
		return;
	targets = g_new0(struct footprint_target, inventory->n_vms + 1);
	for (unsigned i = 0; i < inventory->n_vms; i++) {
		const struct inventory_vm *vm = &inventory->vms[i];

		if (vm->ident->pid <= 0 || vm->ident->owner.ordinary != ordinary)
			continue;
		targets[n].pid = vm->ident->pid;
		targets[n].start_ns = vm->ident->start_ns;
		targets[n].owner = vm->ident->owner;
		targets[n].level =
			levels_for(levels, vm->ident->name, vm->ident->uuid, vm->ident->owner.name);
		targets[n++].images = !vm->provider || !strcmp(vm->provider, "proc");
	}
	footprints_set(footprints, targets, n);
}

bool host_memory_get(struct footprints *footprints, const struct vm_ident *ident,
		     uint64_t oldest_ns, struct footprint_view *ret_view)
{
	return footprints && ident->pid > 0 &&
	       footprints_get(footprints, ident->pid, ident->start_ns, ret_view) &&
	       ret_view->mono_ns >= oldest_ns;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a == ABSENT || b == ABSENT ? ABSENT : a + b;
}

static void fill_nodes(struct vmlabels *labels, const struct footprint *memory, struct snap_vm *vm)
{
	size_t n = 0;

	for (unsigned i = 0; i < FOOTPRINT_NODES; i++)
		n += memory->nodes[i] != ABSENT;
	entities_alloc(&vm->memory_nodes, n, sizeof(struct snap_vm_node));
	for (unsigned i = 0, at = 0; i < FOOTPRINT_NODES && at < n; i++) {
		struct snap_vm_node *node = entities_at(&vm->memory_nodes, at);
		char number[16];

		if (memory->nodes[i] == ABSENT)
			continue;
		snprintf(number, sizeof(number), "%u", i);
		node->labels = vmlabels_part(labels, vm->ident, "node", number);
		node->resident = memory->nodes[i];
		at++;
	}
}

void host_memory_fill(struct vmlabels *labels, const struct footprint_view *view,
		      struct snap_vm *vm)
{
	struct snap_host_memory *m = &vm->host_memory;

	*m = (struct snap_host_memory){ABSENT, ABSENT, ABSENT, ABSENT};
	if (!view)
		return;
	m->resident = view->memory.resident;
	m->swapped = view->memory.swapped;
	m->huge = sum(view->memory.huge_anon, view->memory.huge_shared);
	m->hugetlb = view->memory.hugetlb;
	if (vm->level >= KVMLENS_DETAILED)
		fill_nodes(labels, &view->memory, vm);
}
