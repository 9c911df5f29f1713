/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What crosses the pipe between the reader of guests and its worker processes. A worker looks at
 * hostile memory and may have fallen to it: its reader takes nothing from it on trust.
 */
#ifndef KVMLENS_GUEST_REPORT_H
#define KVMLENS_GUEST_REPORT_H

#include <stdint.h>
#include "guest/ram.h"
#include "metric/guest_view.h"

#define GUEST_SETUP_MAGIC 0x73677631u
#define GUEST_REQUEST_MAGIC 0x71677631u
#define GUEST_REPORT_MAGIC 0x72677631u
#define GUEST_ABSENT KVMLENS_ABSENT

/* The first message to a worker: where the guest's RAM is, if somebody knows. */
struct guest_setup {
	uint32_t magic;
	uint32_t exact; /* 0: ram says nothing, look at the VMM's mappings */
	uint32_t hidden; /* 1: some of it is hidden from the VMM */
	uint32_t pad;
	struct guest_ram ram;
};

/* One look. The budget is per look; finding the kernel has its own, in time only. */
struct guest_request {
	uint32_t magic, number;
	uint64_t calls, bytes, walk_ns, attach_ns;
};

/* How the walk went; nothing is dropped silently. */
struct guest_walk_stats {
	uint64_t cpu_ns; /* of this look */
	uint64_t calls, bytes, absent, outside;
	uint64_t retries; /* of the list, because it changed */
	uint64_t torn; /* tasks that changed while they were read: left out */
	uint64_t unread; /* tasks of which memory was not there */
	uint64_t over; /* tasks beyond GUEST_TASKS_MAX */
	uint64_t attaches; /* of this worker's life */
};

/* Followed by n_cpus struct guest_cpu, then by n_tasks struct guest_task. */
struct guest_report {
	uint32_t magic;
	uint32_t number; /* of the request */
	uint32_t status; /* enum guest_status */
	uint32_t n_cpus, n_tasks, pad;
	struct guest_walk_stats walk;
	struct guest_system system;
};

#endif
