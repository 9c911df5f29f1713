/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs that were there: for a while it is known that they are down, since when, and why as far as
 * anybody knows. Bounded; of the owner with most of them the oldest leaves first. Pure.
 */
#ifndef KVMLENS_VM_DEPARTED_H
#define KVMLENS_VM_DEPARTED_H

#include "vm/inventory.h"

#define DEPARTED_MAX 256

/* How a process ended, as the kernel saw it. */
struct vm_exit {
	bool known;
	int code; /* as wait(2) gives it */
	bool oom; /* killed by the kernel for want of memory */
};

/*
 * What became of a VM: exit by the kernel's word, said by its provider's ("shutdown", "destroyed",
 * "crashed", "migrated", "saved", "failed", ...; NULL: none). A provider knows what was meant, the
 * kernel what happened.
 */
struct vm_down vm_down_judge(const struct vm_exit *exit, const char *said, int64_t since_ms);

/* "killed by signal 9", "exit code 1", "out of memory", ... Freed by the caller. */
char *vm_down_text(const struct vm_down *down);

struct departed;

/* keep_ms: how long they are known; 0: not at all. */
struct departed *departed_new(int64_t keep_ms);
void departed_free(struct departed *departed);

/* A VM whose process is gone. */
void departed_add(struct departed *departed, const struct inventory_vm *vm,
		  const struct vm_exit *exit, int64_t now_ms);

/* A VM of that identity is there (again). */
void departed_back(struct departed *departed, const struct vm_ident *ident);

/* Forget those whose time is over. */
void departed_expire(struct departed *departed, int64_t now_ms);

/* What is known of the VM of that identity, with the provider's word; NULL: nothing. */
const struct vm_down *departed_find(struct departed *departed, const struct vm_ident *ident,
				    const char *said);

/* The provider's last word on the VM of that identity, which it lists no more. */
void departed_say(struct departed *departed, const struct vm_ident *ident, const char *said);

/*
 * Append a struct inventory_vm, to be cleared by the inventory, for each that was not found since.
 */
void departed_list(struct departed *departed, GArray *vms);

#endif
