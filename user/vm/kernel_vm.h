/* SPDX-License-Identifier: Apache-2.0 */
/* The findings of the kernel's task-file iterator, sorted by process. Pure. */
#ifndef KVMLENS_VM_KERNEL_VM_H
#define KVMLENS_VM_KERNEL_VM_H

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>
#include <kvm_types.h>

/* A process with a KVM VM that has at least one vCPU. */
struct kernel_vm {
	pid_t tgid;
	uint64_t kvm; /* address, an identity; 0: the kernel's type information does not tell */
	GHashTable *vcpus; /* tid -> vcpu_id, of vCPUs that have run */
};

/*
 * Of an array of struct kvm_found: a hash of tgid -> struct kernel_vm. One VM whose files several
 * processes hold (descriptors were inherited or passed on) belongs to the one in which its vCPUs
 * run, as in_process(arg, tgid, tid) tells, else to the oldest process id.
 */
GHashTable *kernel_vms(const GArray *found,
		       gboolean (*in_process)(void *arg, pid_t tgid, pid_t tid), void *arg);

#endif
