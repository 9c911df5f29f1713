/* SPDX-License-Identifier: Apache-2.0 */
/* What this process may do, and giving up what it needs no more. */
#ifndef KVMLENS_UTIL_PRIVILEGE_H
#define KVMLENS_UTIL_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/*
 * May this process load BPF programs (CAP_SYS_ADMIN, or CAP_BPF with CAP_PERFMON) and look into
 * other users' processes (CAP_SYS_PTRACE)? False: *ret_missing is the first right that is
 * missing, a static text; it may be NULL.
 */
bool privilege_suffices(const char **ret_missing);

/* A capability that a loaded agent keeps, and what it is for: none is kept without a reason. */
struct privilege_kept {
	unsigned capability;
	const char *reason;
};
extern const struct privilege_kept privilege_kept[];
extern const size_t n_privilege_kept;

/*
 * Keep only the capabilities of that table. The bounding set shrinks to the same, and no program
 * that is executed gains any (no_new_privs). The kernel keeps rights by thread: call it before any
 * other thread is made. Negative errno.
 */
int privilege_drop(void);

/*
 * From now on, in every thread and child, system calls that no part of this program makes fail
 * with EPERM: those that change the system, and those that reach into other processes. Needs
 * privilege_drop() before it. Negative errno.
 */
int privilege_filter(void);

/*
 * No core dump and no debugger of the same user: memory holds what tenants' VMs are called and,
 * later, what they run. No inherited descriptor above 2 survives an exec. Negative errno.
 */
int privilege_hygiene(void);

/* Lower a limit of this process, RLIMIT_..., for good: to max, or what it is. Negative errno. */
int privilege_limit(int resource, rlim_t max);

/* As root, become another user, with no groups but gid; else nothing. Negative errno. */
int privilege_become(uid_t uid, gid_t gid);

#endif
