// SPDX-License-Identifier: Apache-2.0
#include "core/records.h"

#include <errno.h>
#include <string.h>

#include "util/clock.h"

/* How long a tick may seek a moment at which it is not disturbed. */
#define TRY_NS 150000000

void records_clear(struct records *r)
{
	g_free(r->threads);
	g_free(r->times);
	g_free(r->by_slot);
	*r = (struct records){};
}

/* Room for all threads of the inventory, made before the clock is read. */
static void records_reserve(struct records *r, const struct threads *threads,
			    const struct inventory *inventory)
{
	unsigned n = 0, slots = threads_max(threads) + 1;

	for (unsigned i = 0; i < inventory->n_vms; i++)
		n += inventory->vms[i].n_threads;
	if (n > r->size) {
		r->size = MAX(n, 2 * r->size);
		r->threads = g_renew(struct sched_thread, r->threads, r->size);
		r->times = g_renew(struct kvm_vcpu_times, r->times, r->size);
	}
	if (slots != r->n_slots) {
		r->by_slot = g_renew(uint16_t, r->by_slot, slots);
		r->n_slots = slots;
	}
}

static void records_copy(struct records *r, struct probe *probe, struct threads *threads,
			 const struct vm_thread *thread)
{
	int err;

	if (!thread->slot || thread->slot >= r->n_slots || r->by_slot[thread->slot])
		return;
	err = threads_read(threads, thread->slot, &r->threads[r->n]);
	if (err) {
		r->torn += err == -EAGAIN;
		return;
	}
	if (!probe || thread->role != SCHED_ROLE_VCPU ||
	    probe_vcpu_times(probe, thread->slot, &r->times[r->n]))
		r->times[r->n].tid = 0;
	r->by_slot[thread->slot] = ++r->n;
}

static void records_copy_all(struct records *r, struct probe *probe, struct threads *threads,
			     const struct inventory *inventory)
{
	r->n = 0;
	memset(r->by_slot, 0, r->n_slots * sizeof(*r->by_slot));
	for (unsigned i = 0; i < inventory->n_vms; i++)
		for (unsigned j = 0; j < inventory->vms[i].n_threads; j++)
			records_copy(r, probe, threads, &inventory->vms[i].threads[j]);
}

/* How often the calling thread was put on a CPU; 0: unknown. */
static uint64_t switches_of(const struct threads *threads, const struct rqclock *clock)
{
	struct sched_thread own;

	return clock->slot && !threads_peek(threads, clock->slot, &own) ? own.switches : 0;
}

void records_take(struct records *r, struct scan *scan, struct probe *probe,
		  struct threads *threads, const struct rqclock *clock,
		  const struct inventory *inventory, struct instant *ret_now)
{
	uint64_t switches, begun = mono_raw_ns();
	bool late, disturbed;

	if (threads && inventory)
		records_reserve(r, threads, inventory);
	do {
		switches = threads ? switches_of(threads, clock) : 0;
		ret_now->raw = mono_raw_ns();
		ret_now->mono = mono_ns();
		ret_now->rq = rqclock_at(clock, ret_now->raw);
		late = ret_now->raw - begun > TRY_NS;
		if (threads && inventory)
			records_copy_all(r, probe, threads, inventory);
		disturbed = threads && switches != switches_of(threads, clock);
		if (disturbed && !late)
			continue;
		/* After the copy, which is short: most disturbances fall into this. */
		scan_waiting(scan, probe, ret_now->rq);
		disturbed = threads && switches != switches_of(threads, clock);
	} while (disturbed && !late);
}

const struct sched_thread *records_thread(const struct records *r, uint16_t slot)
{
	return slot < r->n_slots && r->by_slot[slot] ? &r->threads[r->by_slot[slot] - 1] : NULL;
}

const struct kvm_vcpu_times *records_times(const struct records *r, uint16_t slot)
{
	const struct kvm_vcpu_times *times;

	if (slot >= r->n_slots || !r->by_slot[slot])
		return NULL;
	times = &r->times[r->by_slot[slot] - 1];
	return times->tid ? times : NULL;
}
