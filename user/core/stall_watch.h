/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that finds stalls: it reads the records of all vCPUs several times within the time
 * that makes a stall, which is a copy from shared memory, and looks into /proc for those few
 * VMs that did not run. Its work in /proc is bounded; what is left over has its turn later.
 */
#ifndef KVMLENS_CORE_STALL_WATCH_H
#define KVMLENS_CORE_STALL_WATCH_H

#include "core/rqclock.h"
#include "core/track.h"
#include "metric/model.h"
#include "probe/probe.h"

struct stall_watch;

struct stall_watch_config {
	unsigned stall_ms;
	struct probe *probe;
	struct tracker *tracker;
	struct discover *discover;
};

/*
 * All that config points to must outlive the watch. *ret_watch is NULL where there are no records
 * to read or stalls are switched off, which is no error. -EAGAIN: no thread; -EMFILE: no /proc.
 */
int stall_watch_start(const struct stall_watch_config *config, struct stall_watch **ret_watch);
void stall_watch_stop(struct stall_watch *watch);

/* For the tick: what time it is, once it knows, and what was found of a VM. Neither blocks. */
void stall_watch_sync(struct stall_watch *watch, const struct rqclock *clock);
void stall_watch_fill(struct stall_watch *watch, struct snap_vm *vm);

/* CPU time of the thread; and looks into /proc that came too late. */
uint64_t stall_watch_cpu_ns(struct stall_watch *watch);
uint64_t stall_watch_missed(struct stall_watch *watch);

#endif
