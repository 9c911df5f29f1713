/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the members that are read lie in one kernel's structs. Each is optional by itself: a
 * kernel that lacks one costs the values that need it, and nothing else.
 */
#ifndef KVMLENS_GUEST_LAYOUT_H
#define KVMLENS_GUEST_LAYOUT_H

#include "guest/btf.h"

/*
 * id, struct, path, other path (older or newer kernels), bytes: 0 means any size up to 8 that is
 * read as an unsigned number.
 */
#define LAYOUT_FIELDS(F)                                                     \
	F(TASK_TASKS, "task_struct", "tasks", NULL, 16)                      \
	F(TASK_PID, "task_struct", "pid", NULL, 4)                           \
	F(TASK_TGID, "task_struct", "tgid", NULL, 4)                         \
	F(TASK_COMM, "task_struct", "comm", NULL, 16)                        \
	F(TASK_SIGNAL, "task_struct", "signal", NULL, 8)                     \
	F(TASK_MM, "task_struct", "mm", NULL, 8)                             \
	F(TASK_FILES, "task_struct", "files", NULL, 8)                       \
	F(TASK_CRED, "task_struct", "cred", NULL, 8)                         \
	F(TASK_PARENT, "task_struct", "real_parent", NULL, 8)                \
	F(TASK_STATE, "task_struct", "__state", "state", 0)                  \
	F(TASK_EXIT_STATE, "task_struct", "exit_state", NULL, 4)             \
	F(TASK_FLAGS, "task_struct", "flags", NULL, 4)                       \
	F(TASK_UTIME, "task_struct", "utime", NULL, 8)                       \
	F(TASK_STIME, "task_struct", "stime", NULL, 8)                       \
	F(TASK_RUNTIME, "task_struct", "se.sum_exec_runtime", NULL, 8)       \
	F(TASK_RUN_DELAY, "task_struct", "sched_info.run_delay", NULL, 8)    \
	F(TASK_START, "task_struct", "start_boottime", "real_start_time", 8) \
	F(TASK_MIN_FLT, "task_struct", "min_flt", NULL, 8)                   \
	F(TASK_MAJ_FLT, "task_struct", "maj_flt", NULL, 8)                   \
	F(TASK_NVCSW, "task_struct", "nvcsw", NULL, 8)                       \
	F(TASK_NIVCSW, "task_struct", "nivcsw", NULL, 8)                     \
	F(TASK_THREAD_NODE, "task_struct", "thread_node", NULL, 16)          \
	F(TASK_CGROUPS, "task_struct", "cgroups", NULL, 8)                   \
	F(TASK_RCHAR, "task_struct", "ioac.rchar", NULL, 8)                  \
	F(TASK_WCHAR, "task_struct", "ioac.wchar", NULL, 8)                  \
	F(TASK_SYSCR, "task_struct", "ioac.syscr", NULL, 8)                  \
	F(TASK_SYSCW, "task_struct", "ioac.syscw", NULL, 8)                  \
	F(TASK_READ_BYTES, "task_struct", "ioac.read_bytes", NULL, 8)        \
	F(TASK_WRITE_BYTES, "task_struct", "ioac.write_bytes", NULL, 8)      \
	F(TASK_RSS_CACHE, "task_struct", "rss_stat.count", NULL, 16)         \
	F(SIGNAL_THREADS, "signal_struct", "nr_threads", NULL, 4)            \
	F(SIGNAL_THREAD_HEAD, "signal_struct", "thread_head", NULL, 16)      \
	F(SIGNAL_UTIME, "signal_struct", "utime", NULL, 8)                   \
	F(SIGNAL_STIME, "signal_struct", "stime", NULL, 8)                   \
	F(SIGNAL_RUNTIME, "signal_struct", "sum_sched_runtime", NULL, 8)     \
	F(SIGNAL_PREV_UTIME, "signal_struct", "prev_cputime.utime", NULL, 8) \
	F(SIGNAL_PREV_STIME, "signal_struct", "prev_cputime.stime", NULL, 8) \
	F(SIGNAL_MIN_FLT, "signal_struct", "min_flt", NULL, 8)               \
	F(SIGNAL_MAJ_FLT, "signal_struct", "maj_flt", NULL, 8)               \
	F(SIGNAL_NVCSW, "signal_struct", "nvcsw", NULL, 8)                   \
	F(SIGNAL_NIVCSW, "signal_struct", "nivcsw", NULL, 8)                 \
	F(SIGNAL_RCHAR, "signal_struct", "ioac.rchar", NULL, 8)              \
	F(SIGNAL_WCHAR, "signal_struct", "ioac.wchar", NULL, 8)              \
	F(SIGNAL_SYSCR, "signal_struct", "ioac.syscr", NULL, 8)              \
	F(SIGNAL_SYSCW, "signal_struct", "ioac.syscw", NULL, 8)              \
	F(SIGNAL_READ_BYTES, "signal_struct", "ioac.read_bytes", NULL, 8)    \
	F(SIGNAL_WRITE_BYTES, "signal_struct", "ioac.write_bytes", NULL, 8)  \
	F(CRED_UID, "cred", "uid", NULL, 4)                                  \
	F(CSET_CGROUP, "css_set", "dfl_cgrp", NULL, 8)                       \
	F(CGROUP_KN, "cgroup", "kn", NULL, 8)                                \
	F(KN_NAME, "kernfs_node", "name", NULL, 8)                           \
	F(FILES_FDT, "files_struct", "fdt", NULL, 8)                         \
	F(FILES_FDTAB, "files_struct", "fdtab", NULL, -1)                    \
	F(FDT_MAX, "fdtable", "max_fds", NULL, 4)                            \
	F(FDT_OPEN, "fdtable", "open_fds", NULL, 8)                          \
	F(PERCPU_COUNT, "percpu_counter", "count", NULL, 8)                  \
	F(PERCPU_COUNTERS, "percpu_counter", "counters", NULL, 8)            \
	F(CPUSTAT_ARRAY, "kernel_cpustat", "cpustat", NULL, -1)              \
	F(TICK_IDLE_SLEEP, "tick_sched", "idle_sleeptime", NULL, 8)          \
	F(TICK_IOWAIT_SLEEP, "tick_sched", "iowait_sleeptime", NULL, 8)      \
	F(RQ_RUN_DELAY, "rq", "rq_sched_info.run_delay", NULL, 8)            \
	F(EVENT_ARRAY, "vm_event_state", "event", NULL, -1)                  \
	F(NODE_ZONES, "pglist_data", "node_zones", NULL, -1)                 \
	F(ZONE_WATERMARK, "zone", "_watermark", "watermark", -1)             \
	F(ZONE_BOOST, "zone", "watermark_boost", NULL, 8)                    \
	F(UTS_NODENAME, "uts_namespace", "name.nodename", NULL, 65)          \
	F(UTS_RELEASE, "uts_namespace", "name.release", NULL, 65)            \
	F(TK_MONO_BASE, "timekeeper", "tkr_mono.base", NULL, 8)              \
	F(TK_MONO_NSEC, "timekeeper", "tkr_mono.xtime_nsec", NULL, 8)        \
	F(TK_MONO_SHIFT, "timekeeper", "tkr_mono.shift", NULL, 4)            \
	F(TK_OFFS_BOOT, "timekeeper", "offs_boot", NULL, 8)

enum layout_field {
#define F(id, ...) L_##id,
	LAYOUT_FIELDS(F)
#undef F
		L_MAX,
};

/* id, enum, enumerator, other name */
#define LAYOUT_ENUMS(E)                                                                       \
	E(FREE_PAGES, "zone_stat_item", "NR_FREE_PAGES", NULL)                                \
	E(FILE_PAGES, "node_stat_item", "NR_FILE_PAGES", NULL)                                \
	E(SHMEM, "node_stat_item", "NR_SHMEM", NULL)                                          \
	E(SWAPCACHE, "node_stat_item", "NR_SWAPCACHE", NULL)                                  \
	E(SLAB_RECLAIMABLE, "node_stat_item", "NR_SLAB_RECLAIMABLE_B", "NR_SLAB_RECLAIMABLE") \
	E(MISC_RECLAIMABLE, "node_stat_item", "NR_KERNEL_MISC_RECLAIMABLE", NULL)             \
	E(ACTIVE_FILE, "node_stat_item", "NR_ACTIVE_FILE", NULL)                              \
	E(INACTIVE_FILE, "node_stat_item", "NR_INACTIVE_FILE", NULL)                          \
	E(PGFAULT, "vm_event_item", "PGFAULT", NULL)                                          \
	E(PGMAJFAULT, "vm_event_item", "PGMAJFAULT", NULL)                                    \
	E(PSWPIN, "vm_event_item", "PSWPIN", NULL)                                            \
	E(PSWPOUT, "vm_event_item", "PSWPOUT", NULL)                                          \
	E(WMARK_LOW, "zone_watermarks", "WMARK_LOW", NULL)                                    \
	E(CPU_USER, "cpu_usage_stat", "CPUTIME_USER", NULL)                                   \
	E(CPU_NICE, "cpu_usage_stat", "CPUTIME_NICE", NULL)                                   \
	E(CPU_SYSTEM, "cpu_usage_stat", "CPUTIME_SYSTEM", NULL)                               \
	E(CPU_SOFTIRQ, "cpu_usage_stat", "CPUTIME_SOFTIRQ", NULL)                             \
	E(CPU_IRQ, "cpu_usage_stat", "CPUTIME_IRQ", NULL)                                     \
	E(CPU_IDLE, "cpu_usage_stat", "CPUTIME_IDLE", NULL)                                   \
	E(CPU_IOWAIT, "cpu_usage_stat", "CPUTIME_IOWAIT", NULL)                               \
	E(CPU_STEAL, "cpu_usage_stat", "CPUTIME_STEAL", NULL)

enum layout_enum {
#define E(id, ...) E_##id,
	LAYOUT_ENUMS(E)
#undef E
		E_MAX,
};

struct layout_field_at {
	uint32_t offset;
	uint32_t size; /* 0: this kernel has no such member */
};

enum layout_rss {
	RSS_UNKNOWN,
	RSS_ATOMIC, /* four signed numbers in mm_struct, some pages counted in each thread */
	RSS_PERCPU, /* four percpu_counters */
};

struct layout {
	struct layout_field_at field[L_MAX];
	int32_t value[E_MAX]; /* -1: unknown */
	enum layout_rss rss;
	uint32_t rss_offset;
	uint32_t rss_counters;
	uint32_t percpu_counter_size;
	uint32_t files_size; /* at most FILES_MAX, see layout.c */
	uint32_t fdtable_size, zone_size, tick_size;
	uint32_t zones; /* of a node */
	uint32_t tk_offset; /* of the timekeeper behind its symbol */
	uint32_t task_lo, task_hi; /* what is read of a task, of its signal_struct, ... */
	uint32_t check_lo, check_hi; /* what is read again to see that a task is the same */
	uint32_t signal_lo, signal_hi, mm_lo, mm_hi, tk_lo, tk_hi;
};

/* The layout of the BTF that was read last: a guest that reboots most often comes back the same. */
struct layout_cache {
	uint64_t len, hash; /* len 0: empty */
	struct layout layout;
	uint64_t hits;
};

/* layout_init() of the BTF at blob, or what the cache (NULL: none) knows of the same bytes. */
int layout_get(struct layout_cache *cache, const void *blob, size_t len, struct layout *ret_layout);

/* -EINVAL: not even a task's list, pid and comm are known. */
int layout_init(struct layout *layout, const struct btf_view *view);

static inline bool layout_has(const struct layout *layout, enum layout_field field)
{
	return layout->field[field].size != 0;
}

#endif
