/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What discovery remembers of one VM between two scans: who it is and which of its threads are
 * accounted under which slot. Of the discovery thread alone.
 */
#ifndef KVMLENS_VM_VM_STATE_H
#define KVMLENS_VM_VM_STATE_H

#include "vm/discover.h"
#include "vm/kernel_vm.h"
#include "vm/merge.h"

struct vm_state {
	struct vm_ident *ident;
	struct labels *info;
	enum kvmlens_vm_state state;
	enum kvmlens_pause pause;
	const char *provider;
	char *provider_id; /* GRefString, NULL */
	const struct vm_entry *entry; /* of list, NULL */
	struct vm_list *list;
	uint64_t kvm;
	bool tcg;
	GArray *proc_threads; /* struct proc_thread, as last read */
	GArray *vhosts; /* pid_t: vhost kernel threads that work for it */
	struct vm_thread *threads; /* g_atomic_rc_box, shared with inventories; NULL: none */
	unsigned n_threads, n_vcpus, n_slots;
	unsigned seen; /* number of the last full scan that found it */
};

struct vm_state *vm_state_new(void);
void vm_state_free(struct vm_state *vm);

/*
 * Take over what the merge said; list is the one that holds vm's entry, or NULL. proc_threads must
 * be current, as they tell TCG from KVM.
 */
void vm_state_identify(struct vm_state *vm, const struct merged_vm *merged, struct vm_list *list);

/*
 * Bring the threads up to date: proc_threads and vhosts must be current; kernel may be NULL.
 * Tracks the new ones at once, and appends the slots of those that have left to gone (of
 * uint16_t), to be untracked together with the publication.
 */
void vm_state_threads(struct vm_state *vm, const struct kernel_vm *kernel,
		      const struct discover_ops *ops, void *ctx, GArray *gone);

/* A copy for an inventory, with references. */
struct inventory_vm vm_state_publish(const struct vm_state *vm);

#endif
