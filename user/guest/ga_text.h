/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a guest's /proc, as its agent hands them over. Pure; the bytes are hostile and end
 * anywhere. A value that is not there, or is no number, stays as it is.
 */
#ifndef KVMLENS_GUEST_GA_TEXT_H
#define KVMLENS_GUEST_GA_TEXT_H

#include <stddef.h>
#include "guest/ga_result.h"

/* /proc/stat counts in these, on every architecture. */
#define GA_TICK_NS 10000000ull

/*
 * A decimal number at *text, which moves behind it and the spaces before it. False: there is none,
 * or it is not below 2^63.
 */
bool ga_text_number(const char **text, const char *end, uint64_t *ret);

/* /proc/stat: the total, and an array of struct guest_cpu of those CPUs that are online. */
void ga_text_stat(const char *text, size_t len, struct guest_cpu *total, GArray *cpus);
void ga_text_meminfo(const char *text, size_t len, struct guest_system *system);
void ga_text_vmstat(const char *text, size_t len, struct guest_system *system);
void ga_text_loadavg(const char *text, size_t len, struct guest_system *system);
/* /proc/mounts: marks what can be written nowhere. */
void ga_text_mounts(const char *text, size_t len, struct ga_result *result);
void ga_text_uptime(const char *text, size_t len, struct guest_system *system);

/*
 * The output of GA_TASKS_SCRIPT: an array of struct guest_task, by pid, GUEST_TASKS_MAX at most.
 * Those of the command itself, own and what descends from it, are left away; *ret_left_out: how
 * many more the guest says that it has.
 */
void ga_text_tasks(const char *text, size_t len, uint64_t own, GArray *tasks,
		   uint64_t *ret_left_out);

#define GA_TASKS_BYTES_MAX 6000000

/*
 * One command for all processes, for any POSIX shell with grep, sed, xargs and head. Nothing in it
 * starts a process for each process; what it prints is bounded.
 */
extern const char ga_tasks_script[];

#endif
