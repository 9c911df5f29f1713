// SPDX-License-Identifier: Apache-2.0
#include "vm/merge.h"

#include <string.h>

struct merge {
	GHashTable *by_pid, *by_uuid, *by_name; /* of processes; see index_processes */
	GHashTable *claimed; /* processes that a source has named */
	GHashTable *seen; /* keys of VMs without a process */
	GHashTable *uuids; /* "owner/uuid", given away already */
	GPtrArray *vms;
};

static void merged_free(gpointer data)
{
	struct merged_vm *vm = data;

	g_free(vm->name);
	g_free(vm->made);
	g_free(vm);
}

/* What /proc lists is the process's own word. */
static bool vouches(const char *provider)
{
	return provider && strcmp(provider, kvmlens_provider_proc.name) != 0;
}

/* Of two processes with one UUID the older is the VM, the younger a copy that is to replace it. */
static void index_uuid(struct merge *merge, struct proc_vmm *process)
{
	const struct proc_vmm *other;

	if (!process->uuid || process->owner.ordinary)
		return;
	other = g_hash_table_lookup(merge->by_uuid, process->uuid);
	if (!other || process->start_ns < other->start_ns)
		g_hash_table_insert(merge->by_uuid, (char *)process->uuid, process);
}

/* A name that two processes have tells nothing: NULL stands for it. */
static void index_name(struct merge *merge, struct proc_vmm *process)
{
	gpointer key = (gpointer)process->name;

	if (process->name && !process->owner.ordinary)
		g_hash_table_insert(merge->by_name, key,
				    g_hash_table_contains(merge->by_name, key) ? NULL : process);
}

static void index_processes(struct merge *merge, const GPtrArray *processes)
{
	for (unsigned i = 0; i < processes->len; i++) {
		struct proc_vmm *process = processes->pdata[i];

		g_hash_table_insert(merge->by_pid, GINT_TO_POINTER(process->stat.pid), process);
		index_uuid(merge, process);
		index_name(merge, process);
	}
}

static bool contradict(const struct vm_entry *entry, const struct proc_vmm *process)
{
	return entry->uuid && process->uuid && strcmp(entry->uuid, process->uuid);
}

static const struct proc_vmm *find_process(struct merge *merge, const struct vm_entry *entry)
{
	const struct proc_vmm *process = NULL;

	if (entry->pid)
		process = g_hash_table_lookup(merge->by_pid, GINT_TO_POINTER(entry->pid));
	if (process && !contradict(entry, process))
		return process;
	process = entry->uuid ? g_hash_table_lookup(merge->by_uuid, entry->uuid) : NULL;
	if (process)
		return process;
	process = g_hash_table_lookup(merge->by_name, entry->name);
	return process && !(entry->uuid && process->uuid) ? process : NULL;
}

/*
 * The first VM of an owner with a UUID has it; a later one gets another made, or their series would
 * clash. All trusted owners share one space.
 */
static const char *claim_uuid(struct merge *merge, const struct vm_owner *owner, const char *uuid)
{
	char *key;

	if (!uuid)
		return NULL;
	key = g_strdup_printf("%s/%s", owner->ordinary ? owner->name : "", uuid);
	return g_hash_table_add(merge->uuids, key) ? uuid : NULL;
}

static bool poses(const struct merge *merge, const struct proc_vmm *process)
{
	return (process->uuid && g_hash_table_contains(merge->by_uuid, process->uuid)) ||
	       (process->name && g_hash_table_contains(merge->by_name, process->name));
}

/*
 * The UUID of the VM's own options, else the provider's. Where another VM has it already, and where
 * there is none, one is made of what survives a restart.
 */
static void set_uuid(struct merge *merge, struct merged_vm *vm)
{
	const struct proc_vmm *process = vm->process;
	const char *own = process ? process->uuid : NULL;
	const char *theirs = vm->entry ? vm->entry->uuid : NULL;
	bool same = own && (!theirs || !strcmp(own, theirs));

	vm->uuid = claim_uuid(merge, &vm->owner, theirs ?: own);
	vm->uuid_source = process && same ? process->uuid_source : vm->provider;
	if (vm->uuid)
		return;
	vm->uuid_source = UUID_SOURCE_MADE;
	if (process) {
		vm->uuid = process->made_uuid;
		return;
	}
	vm->made = vm_make_uuid(vm->provider, vm->entry->id);
	vm->uuid = vm->made;
}

static void add(struct merge *merge, const struct proc_vmm *process, const struct vm_entry *entry,
		const char *provider)
{
	struct merged_vm *vm = g_new0(struct merged_vm, 1);

	vm->process = process;
	vm->entry = entry;
	vm->provider = provider;
	vm->name = entry && (vouches(provider) || !process) ? g_strdup(entry->name)
							    : proc_vmm_name(process);
	if (process)
		vm->owner = process->owner;
	if (vouches(provider)) {
		vm->owner.vouched = true;
		vm->owner.ordinary = false;
	}
	vm->poses = vm->owner.ordinary && poses(merge, process);
	set_uuid(merge, vm);
	g_ptr_array_add(merge->vms, vm);
}

/* VMs without a process are the same when their UUIDs are, or their names for want of one. */
static void add_entry(struct merge *merge, const struct vm_entry *entry, const char *provider)
{
	const struct proc_vmm *process = find_process(merge, entry);

	if (process ? g_hash_table_add(merge->claimed, (gpointer)process)
		    : g_hash_table_add(merge->seen, entry->uuid ?: entry->name))
		add(merge, process, entry, provider);
}

GPtrArray *merge_vms(const GPtrArray *processes, const struct merge_source *sources, size_t n,
		     bool unnamed)
{
	g_autoptr(GHashTable) by_pid = g_hash_table_new(NULL, NULL);
	g_autoptr(GHashTable) by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) claimed = g_hash_table_new(NULL, NULL);
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) uuids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct merge merge = {by_pid,
			      by_uuid,
			      by_name,
			      claimed,
			      seen,
			      uuids,
			      g_ptr_array_new_with_free_func(merged_free)};

	index_processes(&merge, processes);
	for (size_t i = 0; i < n; i++)
		for (unsigned j = 0; sources[i].list && j < sources[i].list->vms->len; j++)
			add_entry(&merge, sources[i].list->vms->pdata[j], sources[i].provider);
	for (unsigned i = 0; unnamed && i < processes->len; i++)
		if (!g_hash_table_contains(claimed, processes->pdata[i]))
			add(&merge, processes->pdata[i], NULL, NULL);
	return merge.vms;
}
