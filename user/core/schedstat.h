/* SPDX-License-Identifier: Apache-2.0 */
/* The lesser source of run and ready time, where the kernel refuses the sched programs. */
#ifndef KVMLENS_CORE_SCHEDSTAT_H
#define KVMLENS_CORE_SCHEDSTAT_H

#include "metric/model.h"

/*
 * PROC/PID/task/TID/schedstat: run and ready time and the number of times switched in; the rest
 * of ret_times is absent. Reading it takes no lock of the process, so that it cannot hang.
 * -ENOENT: gone; -EINVAL: not understood.
 */
int schedstat_read(const char *proc, pid_t pid, pid_t tid, struct cpu_times *ret_times,
		   uint64_t *ret_switches);

/* The line's three numbers. -EINVAL: it is no such line. */
int schedstat_parse(const char *line, uint64_t *ret_run, uint64_t *ret_ready,
		    uint64_t *ret_switches);

#endif
