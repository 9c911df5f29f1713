/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of the kernel's records of all threads of all VMs, taken in one go at the beginning of a
 * tick, so that all times of a snapshot speak of one instant. A tick that is preempted between
 * reading one VM and the next would else count what ran meanwhile for one and not for the other.
 */
#ifndef KVMLENS_CORE_RECORDS_H
#define KVMLENS_CORE_RECORDS_H

#include "core/rqclock.h"
#include "core/scan.h"
#include "vm/inventory.h"

/* The instant to which a snapshot's times are counted, on each clock. */
struct instant {
	uint64_t rq; /* run queue clock, 0: unknown */
	uint64_t mono; /* CLOCK_MONOTONIC, as bpf_ktime_get_ns() */
	uint64_t raw; /* CLOCK_MONOTONIC_RAW */
};

struct records {
	struct sched_thread *threads; /* copies */
	struct kvm_vcpu_times *times; /* beside them; tid 0: there are none */
	unsigned n, size;
	uint16_t *by_slot; /* 1 + index of the copy, 0: there is none */
	unsigned n_slots;
	uint64_t torn; /* records that could not be read in time, since the start */
};

void records_clear(struct records *records);

/*
 * Fix the instant, copy the records, and ask which threads wait; once more, at a later instant, if
 * the calling thread lost its CPU meanwhile, for a bounded time. probe, threads and
 * inventory may be NULL. clock is the calling thread's.
 */
void records_take(struct records *records, struct scan *scan, struct probe *probe,
		  struct threads *threads, const struct rqclock *clock,
		  const struct inventory *inventory, struct instant *ret_now);

/* The copy of a slot's record, NULL: there is none. */
const struct sched_thread *records_thread(const struct records *records, uint16_t slot);

/* Exact times of a vCPU's entries and exits; NULL: not known. */
const struct kvm_vcpu_times *records_times(const struct records *records, uint16_t slot);

#endif
