// SPDX-License-Identifier: Apache-2.0
#include "vm/vm_list.h"

#include <string.h>

#include "vm/stats.h"
#include "vm/vmm_cmdline.h"

#define TAG_KEY_MAX 64
#define TAG_VALUE_MAX 256

static void entry_free(gpointer data)
{
	struct vm_entry *entry = data;

	for (size_t i = 0; i < entry->n_info; i++) {
		g_free((char *)entry->info[i].key);
		g_free((char *)entry->info[i].value);
	}
	g_free(entry->info);
	g_free(entry->id);
	g_free(entry->name);
	g_free(entry->uuid);
	g_free(entry);
}

struct vm_list *vm_list_new(void)
{
	struct vm_list *list = g_new0(struct vm_list, 1);

	list->ref = 1;
	list->vms = g_ptr_array_new_with_free_func(entry_free);
	return list;
}

struct vm_list *vm_list_ref(struct vm_list *list)
{
	g_atomic_int_inc(&list->ref);
	return list;
}

void vm_list_unref(struct vm_list *list)
{
	if (!list || !g_atomic_int_dec_and_test(&list->ref))
		return;
	g_ptr_array_unref(list->vms);
	g_free(list);
}

bool vm_list_add(struct vm_list *list, const struct kvmlens_vm *vm)
{
	char uuid[VMM_UUID_LEN + 1];
	struct vm_entry *entry;

	if (list->vms->len >= VM_LIST_MAX || !vm->id || !vm->name) {
		list->dropped++;
		return false;
	}
	entry = g_new0(struct vm_entry, 1);
	entry->id = g_strndup(vm->id, VM_ID_MAX);
	entry->name = g_strndup(vm->name, VM_ID_MAX);
	if (vm->uuid && vmm_uuid_canonical(vm->uuid, uuid))
		entry->uuid = g_strdup(uuid);
	entry->pid = MAX(vm->pid, 0);
	entry->state = vm->state;
	entry->pause = vm->state == KVMLENS_VM_PAUSED ? vm->pause : KVMLENS_PAUSE_NONE;
	entry->n_info = MIN(vm->n_info, VM_INFO_MAX);
	entry->info = g_new0(struct kvmlens_tag, entry->n_info);
	for (size_t i = 0; i < entry->n_info; i++) {
		entry->info[i].key = g_strndup(vm->info[i].key, TAG_KEY_MAX);
		entry->info[i].value = g_strndup(vm->info[i].value, TAG_VALUE_MAX);
	}
	g_ptr_array_add(list->vms, entry);
	return true;
}

bool vm_entry_info_equal(const struct vm_entry *a, const struct vm_entry *b)
{
	if (a->n_info != b->n_info)
		return false;
	for (size_t i = 0; i < a->n_info; i++)
		if (strcmp(a->info[i].key, b->info[i].key) ||
		    strcmp(a->info[i].value, b->info[i].value))
			return false;
	return true;
}

bool vm_list_equal(const struct vm_list *a, const struct vm_list *b)
{
	if (a->vms->len != b->vms->len)
		return false;
	for (unsigned i = 0; i < a->vms->len; i++) {
		const struct vm_entry *x = a->vms->pdata[i], *y = b->vms->pdata[i];

		if (strcmp(x->id, y->id) || strcmp(x->name, y->name) || x->pid != y->pid ||
		    x->state != y->state || x->pause != y->pause || g_strcmp0(x->uuid, y->uuid) ||
		    !vm_entry_info_equal(x, y))
			return false;
	}
	return true;
}

static void stats_free(gpointer data)
{
	vm_stats_free(data);
}

struct vm_stats_set *vm_stats_set_new(void)
{
	struct vm_stats_set *set = g_new0(struct vm_stats_set, 1);

	set->ref = 1;
	set->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, stats_free);
	return set;
}

struct vm_stats_set *vm_stats_set_ref(struct vm_stats_set *set)
{
	g_atomic_int_inc(&set->ref);
	return set;
}

void vm_stats_set_unref(struct vm_stats_set *set)
{
	if (!set || !g_atomic_int_dec_and_test(&set->ref))
		return;
	g_hash_table_unref(set->by_id);
	g_free(set);
}

bool vm_stats_set_add(struct vm_stats_set *set, const char *id,
		      const struct kvmlens_vm_stats *stats)
{
	if (g_hash_table_size(set->by_id) >= VM_LIST_MAX)
		return false;
	g_hash_table_insert(set->by_id, g_strndup(id, VM_ID_MAX), vm_stats_copy(stats));
	return true;
}

const struct kvmlens_vm_stats *vm_stats_find(const struct vm_stats_set *set, const char *id)
{
	return g_hash_table_lookup(set->by_id, id);
}
