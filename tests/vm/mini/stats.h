/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own numbers of a vCPU and a VM, as the truth to compare with. Each prints " k=v". */
#ifndef MINI_STATS_H
#define MINI_STATS_H

#include <sys/types.h>

/* The statistics descriptor of a vCPU (Linux 5.14), or -1. */
int mini_stats_open(int vcpu_fd);

/* exits, halt_exits and more of one vCPU, from that descriptor; nothing when it is -1. */
void mini_stats_print(int stats_fd);

/* run and delay, nanoseconds, of a thread of this process. */
void mini_schedstat_print(pid_t tid);

/* vm_exits and vm_halt_exits: the sums over all vCPUs, from debugfs; nothing when it is absent. */
void mini_debugfs_print(pid_t pid);

#endif
