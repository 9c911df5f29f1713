/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of threads, which the sched and the kvm programs share: finding one, writing one.
 */
#ifndef KVMLENS_THREAD_BPF_H
#define KVMLENS_THREAD_BPF_H

#include <sched_types.h>
#include "hist.bpf.h"

/*
 * The records, by slot; slot 0 is never used. Threads are added and removed by user space, the
 * rest of a record is written by sched_switch, under the lock of the thread's run queue: no
 * atomics needed. Read by user space through mmap, and looked up by the kvm programs.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2); /* set before load */
	__type(key, __u32);
	__type(value, struct sched_thread);
} sched_threads SEC(".maps");

/* Apart from the first look, so that those who find theirs there do not drag this along. */
static __noinline struct sched_thread *thread_further_on(__u32 slot, __u32 tid)
{
	struct sched_thread *thread;
	int i;

#pragma unroll
	for (i = 1; i < SCHED_CHAIN_MAX; i++) {
		thread = bpf_map_lookup_elem(&sched_threads, &slot);
		if (!thread || thread->tid == tid)
			return thread;
		slot = thread->next;
		if (!slot)
			break;
	}
	return NULL;
}

/* Pids that agree in their low 16 bits share a chain; the record's tid tells them apart. */
static __always_inline struct sched_thread *thread_in_chain(__u32 slot, __u32 tid)
{
	struct sched_thread *thread = bpf_map_lookup_elem(&sched_threads, &slot);

	if (!thread || thread->tid == tid)
		return thread;
	slot = thread->next;
	return slot ? thread_further_on(slot, tid) : NULL;
}

/* User space retries while seq is odd or has changed; the barriers keep the compiler's order. */
static __always_inline void record_begin(__u32 *seq)
{
	*(volatile __u32 *)seq = *seq + 1;
	barrier();
}

static __always_inline void record_end(__u32 *seq)
{
	barrier();
	*(volatile __u32 *)seq = *seq + 1;
}

_Static_assert(SCHED_HIST_BUCKETS == 24, "hist_bucket() is written for 24 buckets");

#endif
