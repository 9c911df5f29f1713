// SPDX-License-Identifier: Apache-2.0
#include "cli/select.h"

#include <string.h>
#include "util/text.h"

bool select_matches(const struct snap_vm *vm, const char *pattern)
{
	const char *shown = labels_get(vm->labels, "vm");

	if (!pattern || text_glob(pattern, vm->ident->name))
		return true;
	return (shown && text_glob(pattern, shown)) || g_strcmp0(pattern, vm->ident->uuid) == 0;
}

size_t select_count(const struct kvmlens_snapshot *snapshot, const char *pattern)
{
	size_t n = 0;

	for (size_t i = 0; i < snapshot->vms.n; i++)
		n += select_matches(entities_at(&snapshot->vms, i), pattern);
	return n;
}

void select_vms(const struct kvmlens_snapshot *snapshot, const char *pattern,
		struct kvmlens_snapshot *ret_view)
{
	struct entities vms;
	size_t n = 0;

	entities_alloc(&vms, select_count(snapshot, pattern), snapshot->vms.stride);
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);

		if (select_matches(vm, pattern))
			memcpy(entities_at(&vms, n++), vm, vms.stride);
	}
	*ret_view = *snapshot;
	ret_view->vms = vms;
}

void select_clear(struct kvmlens_snapshot *view)
{
	g_clear_pointer(&view->vms.v, g_free);
	view->vms.n = 0;
}
