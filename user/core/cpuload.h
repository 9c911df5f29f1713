/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each CPU of the host did since the tick before: idle, interrupts. From /proc/stat, whose
 * idle time is exact and whose interrupt time is so where the kernel accounts it
 * (CONFIG_IRQ_TIME_ACCOUNTING), else sampled by the clock tick.
 */
#ifndef KVMLENS_CORE_CPULOAD_H
#define KVMLENS_CORE_CPULOAD_H

#include <stdint.h>
#include <sys/types.h>
#include "core/cause.h"

struct cpuload;

struct cpuload *cpuload_new(const char *proc_stat);
void cpuload_free(struct cpuload *load);

/* Begin an interval: read the file anew. Where that fails nothing is known of this interval. */
void cpuload_tick(struct cpuload *load);

/*
 * Of the last interval, for a thread that last ran on cpu and may run where allowed has its bits
 * set (of size bytes). All 0 where nothing is known.
 */
void cpuload_shares(const struct cpuload *load, unsigned cpu, const unsigned long *allowed,
		    size_t size, struct cause_shares *ret_shares);

/* The same, asking the kernel where a thread may run. */
void cpuload_thread(const struct cpuload *load, pid_t tid, unsigned cpu,
		    struct cause_shares *ret_shares);

#endif
