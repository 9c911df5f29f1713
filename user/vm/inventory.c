// SPDX-License-Identifier: Apache-2.0
#include "vm/inventory.h"

static void clear_vm(struct inventory_vm *vm)
{
	vm_ident_unref(vm->ident);
	labels_unref(vm->info);
	g_clear_pointer(&vm->provider_id, g_ref_string_release);
	g_clear_pointer(&vm->threads, g_atomic_rc_box_release);
}

struct inventory *inventory_new(unsigned n)
{
	struct inventory *inventory = g_new0(struct inventory, 1);

	inventory->ref = 1;
	inventory->n_vms = n;
	inventory->vms = g_new0(struct inventory_vm, n);
	return inventory;
}

struct inventory *inventory_ref(struct inventory *inventory)
{
	g_atomic_int_inc(&inventory->ref);
	return inventory;
}

void inventory_unref(struct inventory *inventory)
{
	if (!inventory || !g_atomic_int_dec_and_test(&inventory->ref))
		return;
	for (unsigned i = 0; i < inventory->n_vms; i++)
		clear_vm(&inventory->vms[i]);
	g_free(inventory->vms);
	g_free(inventory);
}
