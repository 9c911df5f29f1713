/* SPDX-License-Identifier: Apache-2.0 */
/* A closer look at a VM that may stall: its threads in /proc and the quotas of its cgroups. */
#ifndef KVMLENS_CORE_STALL_LOOK_H
#define KVMLENS_CORE_STALL_LOOK_H

#include "core/cgroup_name.h"
#include "core/stall.h"

/* What limits the CPU time of a thread: the cgroups above it that have a quota. */
struct stall_quota {
	bool limited;
	uint64_t throttled; /* times */
	uint64_t throttled_ns; /* summed over the CPUs; counted when the throttling ends */
};

/* Where to look: /proc, or a fixture of it, as an open directory, and the mounts of cgroups. */
struct stall_roots {
	int proc;
	const char *cgroup[CGROUP_TREES]; /* NULL: there is no such tree */
};

/* A thread of a process; what cannot be read is unknown. None of these files can hang. */
void stall_look_thread(const struct stall_roots *roots, pid_t pid, pid_t tid,
		       struct stall_thread *ret_thread);
/* CPU time of a thread since its start, in nanoseconds; 0: it cannot be read. */
uint64_t stall_look_cpu_time(const struct stall_roots *roots, pid_t pid, pid_t tid);
void stall_look_quota(const struct stall_roots *roots, pid_t pid, pid_t tid,
		      struct stall_quota *ret_quota);

#endif
