/* SPDX-License-Identifier: Apache-2.0 */
/* The rules by topic, and what they share. */
#ifndef KVMLENS_WHY_RULE_H
#define KVMLENS_WHY_RULE_H

#include "why/why.h"

/* Limits that more than one rule has; esxtop's users are taught 5 and 10 percent of ready time. */
#define WHY_READY 5.0 /* percent of wall time, averaged over the vCPUs */
#define WHY_READY_ONE 10.0 /* the same of the vCPU that waits most */
#define WHY_PART 20.0 /* percent of the ready time that makes somebody its cause */

typedef bool why_apply_fn(const struct evidence *evidence, struct why_finding *finding);

why_apply_fn why_stall_sigstop, why_stall_paused, why_stall_throttled, why_stall_userspace,
	why_stall_page_fault, why_stall_not_scheduled, why_stall_main_loop;
why_apply_fn why_cpu_quota, why_cpu_pinning, why_cpu_neighbour, why_cpu_host_task, why_cpu_kernel,
	why_cpu_interrupts, why_cpu_own_threads, why_cpu_idle_wake, why_cpu_unexplained,
	why_cpu_saturated, why_cpu_exits, why_cpu_wake_latency;
why_apply_fn why_memory_full, why_memory_guest_swap, why_memory_balloon, why_memory_host_swap,
	why_memory_host_full, why_memory_pressure;
why_apply_fn why_disk_device, why_disk_held, why_disk_latency, why_disk_full, why_network_drops,
	why_network_errors;
why_apply_fn why_guest_queue, why_guest_iowait, why_guest_system;
why_apply_fn why_history_unusual, why_history_full_soon;

/* One of the last stalls, 0 the newest; what is not known stays as it is. */
void why_stall_event(const struct evidence *evidence, const char *n, double *began, double *seconds,
		     char *cause, size_t size);

/* It waits for CPUs more than is good, as far as is known. */
bool why_waits(const struct evidence *evidence);

/* printf to finding->what. */
void why_say(struct why_finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
