/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one look into a guest found: plain numbers of fixed size, written by the worker process
 * that reads hostile memory and checked again by its reader. Nothing in it can be trusted to be
 * true, only to be within bounds. Counters are cumulative since the guest's boot; times are
 * nanoseconds, sizes bytes; GUEST_ABSENT is a value that this kernel does not tell.
 */
#ifndef KVMLENS_GUEST_REPORT_H
#define KVMLENS_GUEST_REPORT_H

#include <stdint.h>

#define GUEST_REPORT_MAGIC 0x6b6c6775u
#define GUEST_ABSENT UINT64_MAX
#define GUEST_TASKS_MAX 8192u
#define GUEST_REPORT_CPUS 512u
#define GUEST_COMM_LEN 16
#define GUEST_NAME_LEN 65

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

/* How the walk went; nothing is dropped silently. */
struct guest_walk_stats {
	uint64_t cpu_ns, wall_ns;
	uint64_t calls, bytes, absent, outside;
	uint64_t retries; /* of the list, because it changed */
	uint64_t torn; /* tasks that changed while they were read: left out */
	uint64_t unread; /* tasks of which memory was not there */
	uint64_t over; /* tasks beyond GUEST_TASKS_MAX */
	uint64_t attaches;
};

/* Followed by n_cpus struct guest_cpu, then by n_tasks struct guest_task. */
struct guest_report {
	uint32_t magic;
	uint32_t size; /* of this struct */
	uint32_t request; /* the number that was asked with */
	uint32_t status; /* enum guest_status */
	uint32_t n_cpus, n_tasks;
	struct guest_walk_stats walk;
	struct guest_system system;
};

_Static_assert(sizeof(struct guest_task) == 184, "no hidden padding crosses the pipe");
_Static_assert(sizeof(struct guest_cpu) == 72, "no hidden padding crosses the pipe");

#endif
