/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the inside of a guest at one moment, whichever source told it: its memory read
 * from outside, or its agent. Counters are cumulative since the guest's boot; times are
 * nanoseconds, sizes bytes; ABSENT is a value that the source does not know. All of it is what
 * the guest claims: within bounds, but fit for telemetry only. Names are as the guest wrote them
 * and are only ever shown through labels.
 */
#ifndef KVMLENS_METRIC_GUEST_VIEW_H
#define KVMLENS_METRIC_GUEST_VIEW_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <kvmlens.h>
#include "util/bounds.h"

#define GUEST_COMM_LEN 16
#define GUEST_CGROUP_LEN 64
#define GUEST_NAME_LEN 65

/* These three also cross a pipe as they are: fixed sizes, padding spelled out. */
struct guest_task {
	uint32_t pid, ppid, uid; /* uid and ppid: UINT32_MAX when unknown */
	uint32_t threads;
	uint64_t start_ns; /* since the guest's boot */
	uint64_t cpu_ns, user_ns, system_ns; /* all threads, also those that have ended */
	uint64_t run_delay_ns; /* waited for one of the guest's own CPUs; of live threads */
	uint64_t rss, swap;
	uint64_t read_chars, write_chars, read_calls, write_calls; /* by system calls */
	uint64_t read_bytes, write_bytes; /* by the storage layer */
	uint64_t minor_faults, major_faults;
	uint64_t switches_voluntary, switches_forced;
	uint64_t open_files;
	uint8_t kthread;
	char state; /* as in /proc/PID/stat */
	char comm[GUEST_COMM_LEN]; /* ends with NUL; as the guest wrote it: not safe to print */
	char cgroup[GUEST_CGROUP_LEN]; /* its directory's own name; "": the root, or not known */
	uint8_t pad[6];
};

struct guest_cpu {
	uint64_t user_ns, nice_ns, system_ns, irq_ns, softirq_ns, iowait_ns, steal_ns, idle_ns;
	uint64_t run_delay_ns; /* of all tasks that ran on it */
};

struct guest_system {
	uint64_t uptime_ns;
	uint64_t mem_total, mem_free, mem_available, mem_cached, mem_shared;
	uint64_t swap_total, swap_free;
	uint64_t faults, major_faults, swap_in_pages, swap_out_pages;
	uint64_t load[3]; /* thousandths */
	struct guest_cpu total; /* of all CPUs that may exist */
	char hostname[GUEST_NAME_LEN], release[GUEST_NAME_LEN];
	uint8_t pad[6];
};

_Static_assert(sizeof(struct guest_task) == 248, "no hidden padding crosses the pipe");
_Static_assert(sizeof(struct guest_cpu) == 72, "no hidden padding crosses the pipe");
_Static_assert(sizeof(struct guest_system) == 328, "no hidden padding crosses the pipe");

/* Immutable once made, counted. */
struct guest_view {
	gint ref;
	const char *source; /* static: "guest_memory", "guest_agent", "balloon" */
	uint64_t mono_ns; /* host's CLOCK_MONOTONIC when it was taken */
	struct guest_system system;
	uint32_t n_cpus, n_tasks;
	uint32_t cpus_left_out; /* online beyond GUEST_CPUS_MAX */
	struct guest_cpu *cpus; /* online ones */
	struct guest_task *tasks;
	uint64_t tasks_left_out; /* too many, or changed while they were read */
	bool tasks_unknown; /* the source tells of no processes at all */
};

/* An empty view with every value absent and room for so many; the caller fills it. */
struct guest_view *guest_view_new(const char *source, uint64_t mono_ns, uint32_t n_cpus,
				  uint32_t n_tasks);
struct guest_view *guest_view_ref(struct guest_view *view);
void guest_view_unref(struct guest_view *view);

typedef struct guest_view guest_view;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(guest_view, guest_view_unref)

#endif
