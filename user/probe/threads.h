/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of tracked threads and the pid hash over them, as plain memory shared with the
 * kernel side: adding, removing and reading. Not thread-safe: the tracker locks.
 */
#ifndef KVMLENS_PROBE_THREADS_H
#define KVMLENS_PROBE_THREADS_H

#include <stddef.h>
#include <stdint.h>
#include <sched_types.h>

struct threads;

/*
 * Over pid_slots (SCHED_PID_SLOTS) and records (n of them, 0 never used), which stay the
 * caller's. Records of an earlier run are taken as they are.
 */
struct threads *threads_new(uint16_t *pid_slots, struct sched_thread *records, unsigned n);
void threads_free(struct threads *threads);

/*
 * The slot of a thread, whose record is begun when there is none or when it is that of an exited
 * thread with the same number. -ENOSPC: all are in use, or the hash chain is full; *ret_new says
 * whether it was begun anew.
 */
int threads_add(struct threads *threads, uint32_t tid, uint32_t tgid, enum sched_role role,
		uint16_t flags, int *ret_new);

/*
 * Stop tracking. With retire, what the thread had accumulated is kept in the retired record of
 * its process and role. The slot is not used again before threads_settle.
 */
void threads_remove(struct threads *threads, uint16_t slot, int retire);

/* Retired record of a process and role, 0: there is none. */
uint16_t threads_retired(struct threads *threads, uint32_t tgid, enum sched_role role);

/* Free the retired records of a process that is gone. */
void threads_forget(struct threads *threads, uint32_t tgid);

/* No program can be inside a record removed before the last call any more: reuse those. */
void threads_settle(struct threads *threads);

/*
 * A consistent copy. -ESTALE: the slot is not in use; -EAGAIN: it kept changing; ret_thread then
 * holds anything.
 */
int threads_read(const struct threads *threads, uint16_t slot, struct sched_thread *ret_thread);

/* The same but for the histograms, which stay as they are: a quarter of the memory. */
int threads_peek(const struct threads *threads, uint16_t slot, struct sched_thread *ret_thread);

/* Slots in use, for the first adoption pass: next after slot, 0 at the end. */
uint16_t threads_next(const struct threads *threads, uint16_t slot);

unsigned threads_used(const struct threads *threads);
unsigned threads_max(const struct threads *threads);

#endif
