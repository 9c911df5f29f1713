// SPDX-License-Identifier: Apache-2.0
#include "vm/vm_state.h"

#include <stdlib.h>
#include <string.h>

#include "vm/proc_fs.h"

struct vm_state *vm_state_new(void)
{
	struct vm_state *vm = g_new0(struct vm_state, 1);

	vm->proc_threads = g_array_new(FALSE, TRUE, sizeof(struct proc_thread));
	vm->vhosts = g_array_new(FALSE, FALSE, sizeof(pid_t));
	return vm;
}

void vm_state_free(struct vm_state *vm)
{
	vm_ident_unref(vm->ident);
	labels_unref(vm->info);
	vm_list_unref(vm->list);
	g_clear_pointer(&vm->provider_id, g_ref_string_release);
	g_clear_pointer(&vm->threads, g_atomic_rc_box_release);
	g_array_unref(vm->proc_threads);
	g_array_unref(vm->vhosts);
	g_free(vm);
}

/* An identity stays the same object as long as it says the same: snapshots compare by it. */
static void set_ident(struct vm_state *vm, const struct merged_vm *merged)
{
	const struct proc_vmm *process = merged->process;
	struct vm_ident *ident = vm_ident_owned(&merged->owner, merged->name, merged->uuid,
						process ? process->stat.pid : 0,
						process ? process->start_ns : 0, vm->tcg);
	struct vm_ident *before = vm->ident;

	if (before && !strcmp(before->name, ident->name) && !strcmp(before->uuid, ident->uuid) &&
	    before->pid == ident->pid && before->start_ns == ident->start_ns &&
	    before->tcg == ident->tcg && owner_equal(&before->owner, &ident->owner)) {
		vm_ident_unref(ident);
		return;
	}
	vm->ident = ident;
	vm_ident_unref(before);
}

/* Labels stay the same object as long as they say the same. */
static void set_info(struct vm_state *vm, const struct merged_vm *merged)
{
	const struct kvmlens_tag source = {"uuid_source", merged->uuid_source};
	const struct vm_entry *entry = merged->entry;
	const GArray *platform = merged->process ? merged->process->info : NULL;
	struct labels *labels = labels_new(vm->ident->labels, &source, 1), *more;

	/* The first of two with one key counts: the provider knows better. */
	if (entry && entry->n_info) {
		more = labels_new(labels, entry->info, entry->n_info);
		labels_unref(labels);
		labels = more;
	}
	if (platform && platform->len) {
		more = labels_new(labels, (const struct kvmlens_tag *)(void *)platform->data,
				  platform->len);
		labels_unref(labels);
		labels = more;
	}
	if (vm->info && vm->info->text_len == labels->text_len &&
	    !memcmp(vm->info->text, labels->text, labels->text_len)) {
		labels_unref(labels);
		return;
	}
	labels_unref(vm->info);
	vm->info = labels;
}

static void set_provider(struct vm_state *vm, const struct merged_vm *merged)
{
	const struct vm_entry *entry = merged->entry;

	vm->provider = merged->provider;
	vm->state = entry ? entry->state : KVMLENS_VM_UNKNOWN;
	vm->pause = entry ? entry->pause : KVMLENS_PAUSE_NONE;
	/* Whatever a provider says: a stopped process does nothing. */
	if (merged->process &&
	    (merged->process->stat.state == 'T' || merged->process->stat.state == 't'))
		vm->pause = KVMLENS_PAUSE_STOPPED;
	if (vm->provider_id && entry && !strcmp(vm->provider_id, entry->id))
		return;
	g_clear_pointer(&vm->provider_id, g_ref_string_release);
	vm->provider_id = entry ? g_ref_string_new(entry->id) : NULL;
}

static bool is_tcg(const struct vm_state *vm, const struct proc_vmm *process)
{
	if (!process || process->accel != VMM_ACCEL_UNKNOWN)
		return process && process->accel == VMM_ACCEL_TCG;
	for (unsigned i = 0; i < vm->proc_threads->len; i++)
		if (g_array_index(vm->proc_threads, struct proc_thread, i).role.tcg)
			return true;
	return false;
}

void vm_state_identify(struct vm_state *vm, const struct merged_vm *merged, struct vm_list *list)
{
	struct vm_list *before = vm->list;

	vm->tcg = is_tcg(vm, merged->process);
	set_ident(vm, merged);
	set_info(vm, merged);
	set_provider(vm, merged);
	vm->entry = merged->entry;
	vm->list = list ? vm_list_ref(list) : NULL;
	vm_list_unref(before);
}

/* --- threads -------------------------------------------------------------------------------- */

static int by_tid(const void *a, const void *b)
{
	const struct vm_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int by_role(const void *a, const void *b)
{
	const struct vm_thread *x = a, *y = b;
	bool vx = x->role == SCHED_ROLE_VCPU, vy = y->role == SCHED_ROLE_VCPU;

	if (vx != vy)
		return vy - vx;
	if (vx && x->vcpu_id != y->vcpu_id)
		return x->vcpu_id < y->vcpu_id ? -1 : 1;
	return by_tid(a, b);
}

/* The kernel knows for sure which thread runs a vCPU; a name is only a thread's own word. */
static struct proc_role role_of(const struct proc_thread *thread, const struct kernel_vm *kernel)
{
	struct proc_role role = thread->role;
	gpointer vcpu, key = GINT_TO_POINTER(thread->tid);
	GHashTableIter iter;

	if (!kernel)
		return role;
	if (g_hash_table_lookup_extended(kernel->vcpus, key, NULL, &vcpu))
		return (struct proc_role){SCHED_ROLE_VCPU, GPOINTER_TO_UINT(vcpu), false};
	if (role.role != SCHED_ROLE_VCPU)
		return role;
	g_hash_table_iter_init(&iter, kernel->vcpus);
	while (g_hash_table_iter_next(&iter, NULL, &vcpu))
		if (GPOINTER_TO_UINT(vcpu) == role.vcpu_id)
			role = (struct proc_role){.role = SCHED_ROLE_EMULATOR};
	return role;
}

/* All threads as they are now, by tid, without their slots. */
static GArray *threads_now(struct vm_state *vm, const struct kernel_vm *kernel)
{
	GArray *now = g_array_new(FALSE, TRUE, sizeof(struct vm_thread));

	for (unsigned i = 0; i < vm->proc_threads->len; i++) {
		const struct proc_thread *t =
			&g_array_index(vm->proc_threads, struct proc_thread, i);
		struct proc_role role = role_of(t, kernel);
		struct vm_thread thread = {
			.tid = t->tid, .vcpu_id = role.vcpu_id, .role = role.role};

		memcpy(thread.comm, t->comm, sizeof(thread.comm));
		g_array_append_val(now, thread);
	}
	for (unsigned i = 0; i < vm->vhosts->len; i++) {
		struct vm_thread thread = {.tid = g_array_index(vm->vhosts, pid_t, i),
					   .role = SCHED_ROLE_VHOST,
					   .comm = "vhost"};

		g_array_append_val(now, thread);
	}
	g_array_sort(now, by_tid);
	return now;
}

static void track(struct vm_state *vm, struct vm_thread *thread, const struct vm_thread *before,
		  const struct discover_ops *ops, void *ctx)
{
	uint32_t flags = vm->tcg && thread->role == SCHED_ROLE_VCPU ? SCHED_F_TCG : 0;

	if (before && before->slot && before->role == thread->role) {
		thread->slot = before->slot;
		return;
	}
	/* Refused for want of room: counted by the tracker, tried again at the next scan. */
	if (ops && ops->track)
		ops->track(ctx, thread->tid, vm->ident->pid, thread->role, flags, &thread->slot);
}

static bool same(const struct vm_state *vm, const GArray *now)
{
	return vm->n_threads == now->len &&
	       (!now->len || !memcmp(vm->threads, now->data, now->len * sizeof(struct vm_thread)));
}

static void replace(struct vm_state *vm, const GArray *now)
{
	size_t size = now->len * sizeof(struct vm_thread);

	if (same(vm, now))
		return;
	g_clear_pointer(&vm->threads, g_atomic_rc_box_release);
	vm->threads = NULL;
	if (size) {
		vm->threads = g_atomic_rc_box_alloc(size);
		memcpy(vm->threads, now->data, size);
	}
	vm->n_threads = now->len;
	vm->n_vcpus = vm->n_slots = 0;
	for (unsigned i = 0; i < vm->n_threads; i++) {
		vm->n_vcpus += vm->threads[i].role == SCHED_ROLE_VCPU;
		vm->n_slots += vm->threads[i].slot != 0;
	}
}

void vm_state_threads(struct vm_state *vm, const struct kernel_vm *kernel,
		      const struct discover_ops *ops, void *ctx, GArray *gone)
{
	g_autoptr(GArray) before = g_array_new(FALSE, FALSE, sizeof(struct vm_thread));
	g_autoptr(GArray) now = threads_now(vm, kernel);
	struct vm_thread *b, *t = (struct vm_thread *)now->data, *end = t + now->len;

	if (kernel)
		vm->kvm = kernel->kvm;
	g_array_append_vals(before, vm->threads, vm->n_threads);
	g_array_sort(before, by_tid);
	b = (struct vm_thread *)before->data;
	for (unsigned i = 0; i < before->len; i++, b++) {
		for (; t < end && t->tid < b->tid; t++)
			track(vm, t, NULL, ops, ctx);
		if (t < end && t->tid == b->tid)
			track(vm, t++, b, ops, ctx);
		else if (b->slot)
			g_array_append_val(gone, b->slot);
	}
	for (; t < end; t++)
		track(vm, t, NULL, ops, ctx);
	g_array_sort(now, by_role);
	replace(vm, now);
}

struct inventory_vm vm_state_publish(const struct vm_state *vm)
{
	return (struct inventory_vm){
		.ident = vm_ident_ref(vm->ident),
		.info = labels_ref(vm->info),
		.state = vm->state,
		.pause = vm->pause,
		.provider = vm->provider,
		.provider_id = vm->provider_id ? g_ref_string_acquire(vm->provider_id) : NULL,
		.kvm = vm->kvm,
		.threads = vm->threads ? g_atomic_rc_box_acquire(vm->threads) : NULL,
		.n_threads = vm->n_threads,
		.n_vcpus = vm->n_vcpus,
	};
}
