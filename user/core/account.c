// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "core/account.h"

/* Each field of struct cpu_times, in a form that a loop can take. */
#define N_TIMES (sizeof(struct cpu_times) / sizeof(uint64_t))

_Static_assert(sizeof(struct cpu_times) == 8 * sizeof(uint64_t), "account.c adds all fields up");

static void add_waiting(struct cpu_times *t, uint64_t ns)
{
	t->wake += ns;
	t->ready += ns;
}

static void add_blocked(struct cpu_times *t, uint8_t state, uint64_t ns)
{
	if (state == SCHED_STATE_HALTED)
		t->halted += ns;
	else
		t->other += ns;
}

static void account_ongoing(const struct sched_thread *r, uint64_t now, uint64_t queued_since,
			    struct cpu_times *t)
{
	uint64_t since = r->since;

	if (!since || now <= since)
		return;
	switch (r->state) {
	case SCHED_STATE_RUNNING:
		t->run += now - since;
		break;
	case SCHED_STATE_PREEMPTED:
		t->steal += now - since;
		t->ready += now - since;
		break;
	case SCHED_STATE_HALTED:
	case SCHED_STATE_BLOCKED:
		if (queued_since > since && queued_since < now) {
			add_waiting(t, now - queued_since);
			now = queued_since;
		}
		add_blocked(t, r->state, now - since);
		break;
	}
}

static uint64_t give_back(uint64_t *from, uint64_t ns)
{
	uint64_t taken = MIN(*from, ns);

	*from -= taken;
	return ns - taken;
}

/*
 * The thread was switched after now: its record is ahead by ns. What it did before that switch is
 * what it did at now, as far as can be known: it ran if it is off its CPU, and waited if it is on.
 */
static void account_ahead(const struct sched_thread *r, uint64_t ns, struct cpu_times *t)
{
	if (r->state != SCHED_STATE_RUNNING)
		ns = give_back(&t->run, ns);
	ns = give_back(&t->steal, ns);
	ns = give_back(&t->wake, ns);
	t->ready = t->steal + t->wake;
	ns = give_back(&t->halted, ns);
	give_back(&t->other, ns);
}

uint64_t account_thread(const struct sched_thread *r, uint64_t now, uint64_t queued_since,
			struct cpu_times *ret_times)
{
	struct cpu_times t = {
		.run = r->run_ns,
		.guest = ABSENT,
		.hypervisor = ABSENT,
		.ready = r->wake_ns + r->preempt_ns,
		.steal = r->preempt_ns,
		.wake = r->wake_ns,
		.halted = r->halted_ns,
		.other = r->blocked_ns,
	};

	if (now && r->role != SCHED_ROLE_RETIRED && now < r->since)
		account_ahead(r, r->since - now, &t);
	else if (now && r->role != SCHED_ROLE_RETIRED)
		account_ongoing(r, now, queued_since, &t);
	*ret_times = t;
	return r->state != SCHED_STATE_UNKNOWN ? now : 0;
}

static void split(struct cpu_times *times, uint64_t guest)
{
	times->guest = MIN(guest, times->run);
	times->hypervisor = times->run - times->guest;
}

void account_guest(struct cpu_times *times, const struct kvm_vcpu_times *guest, uint64_t mono_now)
{
	uint64_t ns = guest->base_ns - !!guest->base_ns + guest->guest_ns;

	if (guest->entered_at && mono_now > guest->entered_at)
		ns += mono_now - guest->entered_at;
	split(times, ns);
}

void account_sampled_guest(struct cpu_times *times, uint64_t gtime_ns)
{
	split(times, gtime_ns);
}

void account_add(struct cpu_times *sum, const struct cpu_times *times)
{
	const uint64_t *from = (const uint64_t *)times;
	uint64_t *to = (uint64_t *)sum;
	size_t i;

	for (i = 0; i < N_TIMES; i++)
		to[i] = to[i] == ABSENT || from[i] == ABSENT ? ABSENT : to[i] + from[i];
}

void account_keep(struct cpu_times *times, const struct cpu_times *before)
{
	const uint64_t *old = (const uint64_t *)before;
	uint64_t *now = (uint64_t *)times;
	size_t i;

	for (i = 0; i < N_TIMES; i++)
		if (now[i] != ABSENT && old[i] != ABSENT && now[i] < old[i])
			now[i] = old[i];
}

void account_hist(struct hist *hist, const __u64 *count, uint32_t shift, uint64_t sum_ns)
{
	memcpy(hist->count, count, sizeof(hist->count));
	hist->sum_ns = sum_ns;
	hist->shift = shift;
	hist->valid = true;
}

void account_hist_add(struct hist *sum, const struct hist *hist)
{
	unsigned i;

	if (!hist->valid)
		return;
	for (i = 0; i < HIST_BUCKETS; i++)
		sum->count[i] += hist->count[i];
	sum->sum_ns += hist->sum_ns;
	sum->shift = hist->shift;
	sum->valid = true;
}
