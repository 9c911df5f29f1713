/* SPDX-License-Identifier: Apache-2.0 */
/* From a thread's record to its times at one instant. Pure. */
#ifndef KVMLENS_CORE_ACCOUNT_H
#define KVMLENS_CORE_ACCOUNT_H

#include "metric/model.h"

/*
 * The times of a record at now (run queue clock; 0: leave out what goes on), including the
 * interval that has not ended: running, preempted, blocked, or woken at queued_since (0: not
 * woken) and still waiting. guest and hypervisor are absent. Of a thread that was switched between
 * now and the reading of its record, what came after now is left out, so that the sum of its times
 * is that of now. Returns the instant up to which they are counted; 0: unknown.
 */
uint64_t account_thread(const struct sched_thread *record, uint64_t now, uint64_t queued_since,
			struct cpu_times *ret_times);

/* Split run time by exact guest time, which runs on while the vCPU is inside the guest. */
void account_guest(struct cpu_times *times, const struct kvm_vcpu_times *guest, uint64_t mono_now);

/* Split run time by the kernel's sampled guest time. */
void account_sampled_guest(struct cpu_times *times, uint64_t gtime_ns);

/* sum += times, where absent + x is absent. */
void account_add(struct cpu_times *sum, const struct cpu_times *times);

/* Counters never go back while the thread lives: raise each to what was shown before. */
void account_keep(struct cpu_times *times, const struct cpu_times *before);

void account_hist(struct hist *hist, const __u64 *count, uint32_t shift, uint64_t sum_ns);
void account_hist_add(struct hist *sum, const struct hist *hist);

#endif
