/* SPDX-License-Identifier: Apache-2.0 */
/* All processes of a guest, in one pass over its kernel's list. */
#ifndef KVMLENS_GUEST_WALK_H
#define KVMLENS_GUEST_WALK_H

#include "guest/kernel.h"
#include "guest/report.h"

/* Address and pid of a task, to name the parent of another. */
struct walk_parent {
	uint64_t va;
	uint32_t pid, used;
};

#define WALK_PARENTS 65536u /* twice GUEST_TASKS_MAX, a power of two */

struct guest_walk {
	struct guest_task tasks[GUEST_TASKS_MAX];
	uint64_t parent[GUEST_TASKS_MAX];
	struct walk_parent parents[WALK_PARENTS];
	uint32_t n;
};

/*
 * Fill walk. Adds to stats what had to be left out. -EAGAIN: the list changed too fast to be
 * followed; -ETIME: the budget is used up; else what guest_mem_read() said.
 */
int guest_walk(struct guest_kernel *kernel, struct guest_walk *walk,
	       struct guest_walk_stats *stats);

#endif
