/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded reads of a /proc tree, whose root is an open directory so that a test can hand in a
 * fixture. None of these can hang on a wedged process but proc_fs_cmdline, which takes the
 * process's mmap_lock.
 */
#ifndef KVMLENS_VM_PROC_FS_H
#define KVMLENS_VM_PROC_FS_H

#include <glib.h>
#include "vm/owner.h"
#include "vm/proc_parse.h"
#include "util/bounds.h"

#define PROC_PIDS_MAX (1 << 20)
#define PROC_FDS_MAX 16384

/* A thread of a VMM. The inode tells a thread from a later one with the same id. */
struct proc_thread {
	pid_t tid;
	uint64_t ino;
	uint64_t first_ns; /* CLOCK_MONOTONIC when it was first seen */
	char comm[PROC_COMM_MAX];
	struct proc_role role;
	bool settled; /* old enough to have its final name: not read again */
};

/* How many bytes were read, at most cap; or a negative errno. */
ssize_t proc_fs_read(int root, const char *path, char *buf, size_t cap);

/* Fill an array of pid_t with the ids of all processes, ascending. */
int proc_fs_pids(int root, GArray *pids);

/* -ESRCH: there is no such process. */
int proc_fs_stat(int root, pid_t pid, struct proc_stat *ret_stat);

/* The executable's path without " (deleted)"; -ENOENT for a kernel thread. */
int proc_fs_exe(int root, pid_t pid, char *ret, size_t cap);

/* Who owns the executable; UINT32_MAX: unknown. A file system that hangs is not waited for. */
uint32_t proc_fs_exe_uid(int root, pid_t pid);

/* The user ids of a process, by its status: counters, which no wedged process holds up. */
int proc_fs_owner_ids(int root, pid_t pid, struct owner_ids *ret_ids);

/* Arguments, NUL-separated, at most VMM_CMDLINE_MAX bytes. May hang. The caller frees *ret. */
int proc_fs_cmdline(int root, pid_t pid, char **ret, size_t *ret_len);

/*
 * Replace threads (of struct proc_thread, by tid) by those that there are now, reading names only
 * of threads that are not settled. More than PROC_THREADS_MAX are left out and counted in
 * *dropped. -ESRCH: there is no such process; threads is then unchanged.
 */
int proc_fs_threads(int root, pid_t pid, uint64_t now_ns, GArray *threads, uint64_t *dropped);

/* Does the process hold KVM VMs, and how many vCPU files. Negative errno on failure. */
struct proc_kvm_fds {
	unsigned vms, vcpus;
};
int proc_fs_kvm_fds(int root, pid_t pid, struct proc_kvm_fds *ret_fds);

#endif
