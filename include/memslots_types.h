/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ABI between bpf/memslots.bpf.c and user space. */
#ifndef KVMLENS_MEMSLOTS_TYPES_H
#define KVMLENS_MEMSLOTS_TYPES_H

#include <linux/types.h>

enum kvm_slot_kind {
	KVM_SLOT_RAM = 1, /* a slot, whatever lies in it */
	KVM_SLOT_END, /* after all slots of a VM in one process */
};

/* Of kvm_memory_slot.flags, the kernel's own numbers. */
#define KVM_SLOT_READONLY (1u << 1)
#define KVM_SLOT_PRIVATE (1u << 2) /* guest_memfd: memory that its VMM cannot see */

/*
 * One memory slot of a VM behind an open kvm-vm file. The generations of a VM's slots and of its
 * end are the same, and count is right, unless the slots changed meanwhile.
 */
struct kvm_slot {
	__u32 kind; /* enum kvm_slot_kind */
	__u32 tgid; /* the process that holds the file */
	__u64 kvm; /* as in struct kvm_found */
	__u64 generation;
	__u64 gpa, size, hva; /* bytes; hva in the VMM's address space */
	__u32 flags;
	__u32 count; /* END: of the slots before */
};

#ifdef __STDC_VERSION__
_Static_assert(sizeof(struct kvm_slot) == 56, "kvm_slot is part of the ABI");
#endif

#endif
