/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers of what /proc says of processes and threads. Pure: bytes in, plain structs out. Every
 * byte may be hostile, as a process chooses its own name.
 */
#ifndef KVMLENS_VM_PROC_PARSE_H
#define KVMLENS_VM_PROC_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sched_types.h>

#define PROC_COMM_MAX 16

/* /proc/PID/stat, the fields that are of use here. Times are clock ticks, rss is pages. */
struct proc_stat {
	pid_t pid, ppid;
	char comm[PROC_COMM_MAX];
	char state;
	uint32_t flags;
	uint64_t minflt, majflt, utime, stime, num_threads, starttime, rss;
};

/* -EINVAL: it does not read like a stat line. */
int proc_parse_stat(const char *buf, size_t len, struct proc_stat *ret_stat);

/* A zombie is not alive, nor is a process that has begun to exit. */
bool proc_stat_alive(const struct proc_stat *stat);

/* What a thread of a VMM does, by the name that QEMU and others give it. */
struct proc_role {
	enum sched_role role;
	uint32_t vcpu_id;
	bool tcg;
};

/* comm: NUL-terminated or PROC_COMM_MAX bytes. Anything unknown is an emulator thread. */
struct proc_role proc_thread_role(const char *comm);

/*
 * The thread that a vhost kernel thread works for: before Linux 6.4 they are no threads of the
 * process but carry a thread's id in their name. 0: this is none.
 */
pid_t proc_vhost_owner(const char *comm);

enum proc_fd_kind { PROC_FD_OTHER, PROC_FD_KVM_VM, PROC_FD_KVM_VCPU };

/* The target of a /proc/PID/fd link; *ret_vcpu only for PROC_FD_KVM_VCPU. */
enum proc_fd_kind proc_parse_fd(const char *target, size_t len, uint32_t *ret_vcpu);

/* A whole decimal number that fits, without sign or blanks. -EINVAL, -ERANGE. */
int proc_parse_u64(const char *buf, size_t len, uint64_t max, uint64_t *ret_value);

#endif
