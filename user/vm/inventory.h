/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which VMs there are, with their threads: an immutable, counted list that discovery publishes
 * and the tick takes. Discovery merges what the kernel's iterator, /proc and the providers say;
 * the kernel's word on processes and threads wins, the provider's on names and state.
 */
#ifndef KVMLENS_VM_INVENTORY_H
#define KVMLENS_VM_INVENTORY_H

#include "metric/model.h"

struct vm_thread {
	pid_t tid;
	uint32_t vcpu_id; /* of a vCPU */
	uint16_t slot; /* of its sched_thread record, 0: not tracked */
	uint8_t role; /* enum sched_role */
	char comm[16];
};

/* Did it end as somebody wanted it? */
enum vm_died { VM_END_UNKNOWN, VM_ENDED, VM_DIED };

/* A VM that was there and is no more. */
struct vm_down {
	int64_t since_ms; /* wall clock; 0: it is not down, or was never there */
	const char *reason; /* static: oom, signal, exit, exited, or a provider's word */
	enum vm_died died;
	int signal, exit_code; /* -1: none */
};

struct inventory_vm {
	struct vm_ident *ident; /* pid 0: a provider knows it, no process was found */
	struct labels *info; /* of vm_info */
	enum kvmlens_vm_state state;
	enum kvmlens_pause pause;
	const char *provider; /* static: who named it */
	char *provider_id; /* GRefString: its key there, NULL */
	uint64_t kvm; /* kvm_found.kvm, 0 for TCG or where unknown */
	struct vm_thread *threads; /* g_atomic_rc_box, NULL; vCPUs first, by vcpu_id, then by tid */
	unsigned n_threads, n_vcpus;
	struct vm_down down;
};

struct inventory {
	gint ref;
	uint64_t mono_ns; /* when the scan ended */
	struct inventory_vm *vms; /* by name */
	unsigned n_vms;
};

/* n zeroed VMs to fill in, with one reference; what they point to is then the inventory's. */
struct inventory *inventory_new(unsigned n);
struct inventory *inventory_ref(struct inventory *inventory);
void inventory_unref(struct inventory *inventory);

#endif
