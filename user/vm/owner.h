/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose a VMM process is, and whether its word on who it is counts. Any local user can start a
 * process that looks like a VMM and give it any name and UUID. So the kernel's word on the
 * process decides: its user ids, and the owner of the executable that it runs. A process is
 * trusted where both belong to root or to a user that the configuration names; everybody else is
 * an ordinary owner, whose VMs live in a namespace of their own and under limits (vm/quota.h). A
 * subordinate uid (/etc/subuid) belongs to the user that may take it, so that a user namespace
 * does not multiply anybody's limits.
 */
#ifndef KVMLENS_VM_OWNER_H
#define KVMLENS_VM_OWNER_H

#include <stddef.h>
#include "metric/model.h"

/* Users that commonly run VMs; names that the host does not know are harmless. */
#define OWNERS_DEFAULT "root", "qemu", "libvirt-qemu", "kvm", "nova", "oneadmin", "vdsm", "107"

struct owner_policy;

/*
 * names: users, or uids in decimal; n 0: OWNERS_DEFAULT. root is always trusted. etc NULL: /etc.
 * Never NULL.
 */
struct owner_policy *owner_policy_new(const char *etc, const char *const *names, size_t n);
void owner_policy_free(struct owner_policy *policy);

/* Read passwd and subuid again where they have changed. Bounded; of one thread at a time. */
void owner_policy_refresh(struct owner_policy *policy);

/* The user ids of a process: real, effective, saved, of the file system. */
struct owner_ids {
	uint32_t uid[4];
};

/* "Uid:" of /proc/PID/status. -EINVAL: there is none. Pure. */
int owner_parse_status(const char *text, size_t len, struct owner_ids *ret_ids);

/*
 * Judge a process. A process that holds any ordinary id is ordinary. exe_uid UINT32_MAX: unknown,
 * the process's ids decide alone.
 */
void owner_judge(const struct owner_policy *policy, const struct owner_ids *ids, uint32_t exe_uid,
		 const char *exe, struct vm_owner *ret_owner);

/* Same owner, executable and standing? */
bool owner_equal(const struct vm_owner *a, const struct vm_owner *b);

#endif
