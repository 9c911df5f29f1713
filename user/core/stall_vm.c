// SPDX-License-Identifier: Apache-2.0
#include "core/stall_vm.h"

#include <string.h>
#include "core/rqclock.h"
#include "core/schedstat.h"

#define SECOND 1000000000ull
#define LOOK_AGAIN_NS SECOND /* at first; a stall that lasts is looked at ever more rarely */
#define LOOK_AGAIN_MAX_NS (60 * SECOND)
#define MAIN_LOOP_NS SECOND
/* CPU time that a vCPU takes without its guest: to set up its thread, to answer its monitor. */
#define HOUSEKEEPING_NS 20000000

struct stall_vm *stall_vm_new(struct vm_ident *ident)
{
	struct stall_vm *x = g_new0(struct stall_vm, 1);

	x->ident = vm_ident_ref(ident);
	x->before = g_array_new(FALSE, TRUE, sizeof(struct stall_seen));
	x->now = g_array_new(FALSE, TRUE, sizeof(struct stall_seen));
	x->memory.main_loop = ABSENT;
	return x;
}

void stall_vm_free(struct stall_vm *x)
{
	g_array_unref(x->before);
	g_array_unref(x->now);
	vm_ident_unref(x->ident);
	g_free(x);
}

static const struct stall_seen *seen(const GArray *list, guint i)
{
	return &g_array_index(list, struct stall_seen, i);
}

/* vCPUs in a row, as the pure functions want them. */
static struct stall_vcpu *row_of(const GArray *list)
{
	struct stall_vcpu *row = g_new(struct stall_vcpu, list->len + 1);

	for (guint i = 0; i < list->len; i++)
		row[i] = seen(list, i)->vcpu;
	return row;
}

static bool same_threads(const struct stall_vm *x)
{
	if (x->before->len != x->now->len)
		return false;
	for (guint i = 0; i < x->now->len; i++)
		if (seen(x->before, i)->tid != seen(x->now, i)->tid)
			return false;
	return true;
}

static bool any_ran(const struct stall_vm *x)
{
	for (guint i = 0; i < x->now->len; i++)
		if (seen(x->now, i)->vcpu.state == SCHED_STATE_RUNNING ||
		    seen(x->now, i)->vcpu.switches != seen(x->before, i)->vcpu.switches)
			return true;
	return false;
}

static bool in_time(struct stall_round *round)
{
	if (mono_raw_ns() < round->deadline_ns)
		return true;
	round->missed++;
	return false;
}

static bool wants(const struct stall_vcpu *v)
{
	return v->state != SCHED_STATE_HALTED || v->queued;
}

/* CPU time of those vCPUs that were read. */
static uint64_t run_of(const struct stall_vm *x, uint64_t now)
{
	uint64_t sum = 0;

	for (guint i = 0; i < x->now->len; i++) {
		const struct stall_vcpu *v = &seen(x->now, i)->vcpu;

		sum += v->run_ns;
		if (v->state == SCHED_STATE_RUNNING && now > v->since)
			sum += now - v->since;
	}
	return sum;
}

/* A halt is one of the guest's where KVM shows it; a TCG thread rests in the same way unstarted. */
static bool in_guest(const struct stall_vm *x)
{
	for (guint i = 0; i < x->now->len && !x->ident->tcg; i++)
		if (seen(x->now, i)->vcpu.state == SCHED_STATE_HALTED)
			return true;
	return false;
}

/* Records begin when a VM is found: what ran before that only /proc knows. */
static void read_ran_before(struct stall_vm *x, struct stall_round *round)
{
	uint64_t sum = 0, recorded = run_of(x, 0);

	for (guint i = 0; i < MIN(x->now->len, STALL_THREADS); i++)
		sum += stall_look_cpu_time(round->roots, x->ident->pid, seen(x->now, i)->tid);
	x->ran_before = sum > recorded ? sum - recorded : 0;
	x->ran_known = true;
}

static void judge_ran(struct stall_vm *x, struct stall_round *round)
{
	if (x->ran)
		return;
	x->ran = in_guest(x) || run_of(x, round->now) + x->ran_before > HOUSEKEEPING_NS;
	if (x->ran || x->ran_known || !x->now->len || !in_time(round))
		return;
	read_ran_before(x, round);
	x->ran = x->ran_before + run_of(x, round->now) > HOUSEKEEPING_NS;
}

static void judge_paused(struct stall_vm *x, bool said, struct stall_round *round)
{
	bool paused;

	if (x->paused && (in_guest(x) || run_of(x, round->now) > x->paused_at_ns + HOUSEKEEPING_NS))
		x->paused = false;
	/* One that has not run for a while since its start waits for somebody to start it. */
	paused = said || x->paused || (!x->ran && x->ran_known && !x->young);
	g_mutex_lock(round->lock);
	x->memory.paused = paused;
	g_mutex_unlock(round->lock);
}

/* The first vCPU that is runnable, NULL: none is. */
static const struct stall_seen *runnable(const struct stall_vm *x)
{
	for (guint i = 0; i < x->now->len; i++)
		if (seen(x->now, i)->vcpu.state == SCHED_STATE_PREEMPTED ||
		    seen(x->now, i)->vcpu.queued)
			return seen(x->now, i);
	return NULL;
}

static void look_at_quota(struct stall_vm *x, const struct stall_roots *roots)
{
	const struct stall_seen *thread = runnable(x);
	struct stall_quota quota;

	if (!thread && x->now->len)
		thread = seen(x->now, 0);
	if (!thread)
		return;
	stall_look_quota(roots, x->ident->pid, thread->tid, &quota);
	if (!x->based)
		x->base = quota;
	x->based = true;
	x->look.has_quota = quota.limited;
	x->look.was_throttled = quota.throttled > 0;
	x->look.throttled_ns = quota.throttled_ns > x->base.throttled_ns
				       ? quota.throttled_ns - x->base.throttled_ns
				       : 0;
}

static void look(struct stall_vm *x, struct stall_round *round)
{
	char note[STALL_NOTE_MAX];
	enum stall_cause cause;

	x->look.n = 0;
	x->look.stalled_ns = round->now - x->since;
	x->look.ended = false;
	for (guint i = 0; i < x->now->len && x->look.n < STALL_THREADS; i++)
		if (wants(&seen(x->now, i)->vcpu))
			stall_look_thread(round->roots, x->ident->pid, seen(x->now, i)->tid,
					  &x->look.vcpus[x->look.n++]);
	stall_look_thread(round->roots, x->ident->pid, x->ident->pid, &x->look.main);
	if (x->look.main.call == CALL_POLL)
		x->main_polls = true;
	look_at_quota(x, round->roots);
	/* What has run meanwhile was not seen in its stall. */
	if (!round->still(round->arg, x))
		return;
	x->looked = round->now;
	cause = stall_judge(&x->look, note);
	/* An emulated vCPU that is idle rests as a paused one does. */
	if (cause == STALL_PAUSED && !(x->unseen && x->ident->tcg)) {
		x->paused = true;
		x->paused_at_ns = run_of(x, round->now);
		/* A stall that a pause ends keeps the cause that it had. */
		if (x->active)
			return;
	}
	x->cause = cause;
	g_strlcpy(x->note, note, sizeof(x->note));
}

static bool look_is_due(const struct stall_vm *x, uint64_t now)
{
	uint64_t pause = CLAMP((now - x->since) / 4, LOOK_AGAIN_NS, LOOK_AGAIN_MAX_NS);

	return !x->looked || now - x->looked >= pause;
}

static void remember(struct stall_vm *x, struct stall_round *round, uint64_t ns, bool ended)
{
	g_mutex_lock(round->lock);
	stall_update(&x->memory, x->cause, x->note, ns, ended);
	g_mutex_unlock(round->lock);
}

/*
 * Is it a stall, now that it has lasted? What waits for a CPU is known from the records alone. Of a
 * VM that is paused, or was never started, only what stops it from outside counts.
 */
static bool is_stall(struct stall_vm *x)
{
	if (x->unseen)
		return x->looked && x->cause == STALL_SIGSTOP;
	if (!x->looked && !x->active) {
		if (x->look.said_paused || x->paused || !x->ran || !runnable(x))
			return false;
		x->cause = STALL_NOT_SCHEDULED;
		*x->note = '\0';
		return true;
	}
	if (x->cause == STALL_SIGSTOP)
		return true;
	if (x->cause == STALL_PAGE_FAULT)
		return x->ran || !x->young;
	return x->ran && !x->paused;
}

/* The one that went on when an earlier run ended is not counted a second time. */
static bool is_carried(const struct stall_vm *x)
{
	const struct carry_stalls *c = &x->carried;

	return c->since && !x->memory.n_events && x->since <= c->since + c->counted_ns;
}

static void begin(struct stall_vm *x, struct stall_round *round)
{
	const struct carry_stalls *c = &x->carried;

	x->active = true;
	g_mutex_lock(round->lock);
	if (is_carried(x))
		stall_resume(&x->memory, round->wall_ns - (round->now - x->since),
			     c->since + c->counted_ns - x->since);
	else
		stall_begin(&x->memory, round->wall_ns - (round->now - x->since));
	g_mutex_unlock(round->lock);
}

_Static_assert(STALL_CAUSES <= CARRY_CAUSES, "each cause is carried");

void stall_vm_restore(struct stall_vm *x, const struct carry_stalls *carried)
{
	struct stall_memory *m = &x->memory;

	x->carried = *carried;
	m->begun = carried->begun;
	m->total_ns = carried->total_ns;
	m->main_loop_ns = carried->main_loop_ns;
	for (unsigned i = 0; i < STALL_CAUSES; i++) {
		m->count[i] = carried->count[i];
		m->ns[i] = carried->ns[i];
	}
}

bool stall_vm_carry(struct stall_vm *x, struct carry_stalls *ret_stalls)
{
	const struct stall_memory *m = &x->memory;
	struct carry_stalls now = {
		.begun = m->begun, .total_ns = m->total_ns, .main_loop_ns = m->main_loop_ns};

	for (unsigned i = 0; i < STALL_CAUSES; i++) {
		now.count[i] = m->count[i];
		now.ns[i] = m->ns[i];
	}
	if (x->active) {
		now.since = x->since;
		now.counted_ns = m->events[0].ns;
	} else if (!m->n_events) {
		/* Not seen again yet: it may still be the one. */
		now.since = x->carried.since;
		now.counted_ns = x->carried.counted_ns;
	}
	if (!memcmp(&now, &x->carried, sizeof(now)))
		return false;
	*ret_stalls = x->carried = now;
	return true;
}

/* Only now is it known how long a cgroup was throttled. */
static void judge_again(struct stall_vm *x, struct stall_round *round, uint64_t ns)
{
	if ((x->cause != STALL_NOT_SCHEDULED && x->cause != STALL_THROTTLED) || !x->looked ||
	    !in_time(round))
		return;
	look_at_quota(x, round->roots);
	x->look.stalled_ns = ns;
	x->look.ended = true;
	x->cause = stall_judge(&x->look, x->note);
}

static void finish(struct stall_vm *x, struct stall_round *round)
{
	g_autofree struct stall_vcpu *before = row_of(x->before), *now = row_of(x->now);
	uint64_t end = round->now;

	if (x->active) {
		if (same_threads(x))
			end = stall_end(before, now, x->now->len, round->now);
		end = CLAMP(end, x->since, round->now);
		judge_again(x, round, end - x->since);
		remember(x, round, end - x->since, true);
	}
	x->since = x->looked = 0;
	x->active = x->based = false;
}

static void go_on(struct stall_vm *x, const struct inventory_vm *iv, struct stall_round *round)
{
	uint64_t age = round->now > x->since ? round->now - x->since : 0;

	if (age >= round->stall_ns / 2 && !x->based && runnable(x) && in_time(round))
		look_at_quota(x, round->roots);
	if (age < round->stall_ns)
		return;
	x->look.said_paused = iv->state == KVMLENS_VM_PAUSED;
	if (look_is_due(x, round->now) && in_time(round))
		look(x, round);
	if (!is_stall(x)) {
		if (x->active)
			finish(x, round);
		return;
	}
	if (!x->active)
		begin(x, round);
	remember(x, round, age, false);
}

static void set_main_loop(struct stall_vm *x, struct stall_round *round, uint64_t up, uint64_t ns)
{
	g_mutex_lock(round->lock);
	x->memory.main_loop = up;
	x->memory.main_loop_ns += ns;
	g_mutex_unlock(round->lock);
}

static void main_loop_runs(struct stall_vm *x, struct stall_round *round)
{
	const struct stall_vcpu *m = &x->main_now;
	uint64_t end = m->state == SCHED_STATE_RUNNING ? m->since : round->now;

	x->main_checked = false;
	set_main_loop(x, round, x->main_polls ? 1 : ABSENT,
		      x->main_held && end > x->main_held ? end - x->main_held : 0);
	x->main_held = 0;
}

/* It sleeps, or waits for a CPU: once is enough to see where, as long as it does not wake. */
static void main_loop_rests(struct stall_vm *x, struct stall_round *round)
{
	struct stall_thread thread = {.state = 'R'};
	bool held = x->main_now.state == SCHED_STATE_PREEMPTED;

	if (!held && !x->main_checked) {
		if (!in_time(round))
			return;
		stall_look_thread(round->roots, x->ident->pid, x->ident->pid, &thread);
		x->main_checked = true;
		held = stall_main_is_held(&thread);
		x->main_polls |= thread.call == CALL_POLL;
	}
	if (!x->main_polls)
		return;
	if (held && !x->main_held)
		x->main_held = x->main_now.since;
	if (!x->main_held) {
		set_main_loop(x, round, 1, 0);
		return;
	}
	set_main_loop(x, round, 0, round->now - MIN(x->main_held, round->now));
	x->main_held = round->now;
}

static void judge_main_loop(struct stall_vm *x, struct stall_round *round)
{
	const struct stall_vcpu *m = &x->main_now;

	if (!x->has_main || !m->since)
		return;
	if (m->state == SCHED_STATE_RUNNING || m->switches != x->main_before.switches)
		main_loop_runs(x, round);
	else if (round->now > m->since && round->now - m->since >= MAIN_LOOP_NS)
		main_loop_rests(x, round);
	x->main_before = *m;
}

/* Most VMs run, or want nothing: that is seen without a copy of what their vCPUs do. */
static bool may_stall(const struct stall_vm *x)
{
	bool any = false;

	for (guint i = 0; i < x->now->len; i++) {
		const struct stall_vcpu *v = &seen(x->now, i)->vcpu;

		if (v->state == SCHED_STATE_RUNNING)
			return false;
		any |= wants(v);
	}
	return any;
}

/*
 * A vCPU that has not run since its record was made: it rests, or was stopped before anybody
 * watched. Which of them it is only a look can show.
 */
static uint64_t unseen_since(struct stall_vm *x, uint64_t now)
{
	bool unseen = x->now->len > 0;

	for (guint i = 0; i < x->now->len; i++)
		unseen &= seen(x->now, i)->vcpu.state == SCHED_STATE_UNKNOWN;
	if (!unseen)
		x->unseen = 0;
	else if (!x->unseen)
		x->unseen = now;
	return x->unseen;
}

static uint64_t since_now(const struct stall_vm *x)
{
	g_autofree struct stall_vcpu *row = NULL;

	if (!may_stall(x))
		return 0;
	row = row_of(x->now);
	return stall_since(row, x->now->len);
}

void stall_vm_judge(struct stall_vm *x, const struct inventory_vm *iv, struct stall_round *round)
{
	uint64_t unseen = unseen_since(x, round->now);
	uint64_t since = unseen ? unseen : since_now(x);
	GArray *old = x->before;

	judge_ran(x, round);
	if (x->since && (!since || !same_threads(x) || any_ran(x)))
		finish(x, round);
	if (!x->since)
		x->since = since;
	if (x->since)
		go_on(x, iv, round);
	judge_paused(x, iv->state == KVMLENS_VM_PAUSED, round);
	if (x->ran || !x->young)
		judge_main_loop(x, round);
	x->before = x->now;
	x->now = old;
}
