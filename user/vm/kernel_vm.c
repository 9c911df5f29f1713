// SPDX-License-Identifier: Apache-2.0
#include "vm/kernel_vm.h"

static void kernel_vm_free(gpointer data)
{
	struct kernel_vm *vm = data;

	g_hash_table_unref(vm->vcpus);
	g_free(vm);
}

static gint by_process(gconstpointer a, gconstpointer b)
{
	const struct kvm_found *x = *(const struct kvm_found *const *)a;
	const struct kvm_found *y = *(const struct kvm_found *const *)b;

	if (x->tgid != y->tgid)
		return x->tgid < y->tgid ? -1 : 1;
	return (x->kvm > y->kvm) - (x->kvm < y->kvm);
}

/* Pointers to the vCPUs among the findings, those of one VM in one process side by side. */
static GPtrArray *sorted_vcpus(const GArray *found)
{
	GPtrArray *vcpus = g_ptr_array_new();

	for (unsigned i = 0; i < found->len; i++) {
		struct kvm_found *f = &g_array_index(found, struct kvm_found, i);

		if (f->kind == KVM_FOUND_VCPU)
			g_ptr_array_add(vcpus, f);
	}
	g_ptr_array_sort(vcpus, by_process);
	return vcpus;
}

static struct kernel_vm *vm_of(struct kvm_found *const *vcpus, unsigned n)
{
	struct kernel_vm *vm = g_new0(struct kernel_vm, 1);

	vm->tgid = vcpus[0]->tgid;
	vm->kvm = vcpus[0]->kvm;
	vm->vcpus = g_hash_table_new(NULL, NULL);
	for (unsigned i = 0; i < n; i++)
		if (vcpus[i]->tid)
			g_hash_table_insert(vm->vcpus, GINT_TO_POINTER(vcpus[i]->tid),
					    GUINT_TO_POINTER(vcpus[i]->vcpu_id));
	return vm;
}

/* Does one of the VM's vCPUs run in the process that holds its files? */
static gboolean at_home(const struct kernel_vm *vm,
			gboolean (*in_process)(void *arg, pid_t tgid, pid_t tid), void *arg)
{
	GHashTableIter iter;
	gpointer tid;

	g_hash_table_iter_init(&iter, vm->vcpus);
	while (g_hash_table_iter_next(&iter, &tid, NULL))
		if (in_process(arg, vm->tgid, GPOINTER_TO_INT(tid)))
			return TRUE;
	return FALSE;
}

/* A process that holds several VMs is known by the one with the most vCPUs. */
static void add_vm(GHashTable *vms, struct kernel_vm *vm, unsigned n, GHashTable *sizes)
{
	gpointer key = GINT_TO_POINTER(vm->tgid);

	if (n <= GPOINTER_TO_UINT(g_hash_table_lookup(sizes, key))) {
		kernel_vm_free(vm);
		return;
	}
	g_hash_table_insert(sizes, key, GUINT_TO_POINTER(n));
	g_hash_table_insert(vms, key, vm);
}

/* Leave each VM to one process. */
static void settle_owners(GHashTable *vms, gboolean (*in_process)(void *arg, pid_t tgid, pid_t tid),
			  void *arg)
{
	g_autoptr(GHashTable) owners = g_hash_table_new(g_int64_hash, g_int64_equal);
	g_autoptr(GList) list = g_hash_table_get_values(vms);

	for (GList *l = list; l; l = l->next) {
		struct kernel_vm *vm = l->data, *other;

		if (!vm->kvm)
			continue;
		other = g_hash_table_lookup(owners, &vm->kvm);
		if (!other) {
			g_hash_table_insert(owners, &vm->kvm, vm);
			continue;
		}
		if (at_home(other, in_process, arg) ||
		    (!at_home(vm, in_process, arg) && other->tgid < vm->tgid)) {
			g_hash_table_remove(vms, GINT_TO_POINTER(vm->tgid));
			continue;
		}
		g_hash_table_replace(owners, &vm->kvm, vm);
		g_hash_table_remove(vms, GINT_TO_POINTER(other->tgid));
	}
}

GHashTable *kernel_vms(const GArray *found,
		       gboolean (*in_process)(void *arg, pid_t tgid, pid_t tid), void *arg)
{
	GHashTable *vms = g_hash_table_new_full(NULL, NULL, NULL, kernel_vm_free);
	g_autoptr(GHashTable) sizes = g_hash_table_new(NULL, NULL);
	g_autoptr(GPtrArray) vcpus = sorted_vcpus(found);
	struct kvm_found **v = (struct kvm_found **)vcpus->pdata;

	for (unsigned i = 0, n; i < vcpus->len; i += n) {
		for (n = 1; i + n < vcpus->len && !by_process(&v[i], &v[i + n]); n++)
			;
		add_vm(vms, vm_of(v + i, n), n, sizes);
	}
	settle_owners(vms, in_process, arg);
	return vms;
}
