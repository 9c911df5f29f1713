// SPDX-License-Identifier: Apache-2.0
#include "core/stall.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define KVM_RUN 0xae80 /* _IO(KVMIO, 0x80) */

uint64_t stall_since(const struct stall_vcpu *vcpus, size_t n)
{
	uint64_t last_ran = 0, wanted = 0;

	for (size_t i = 0; i < n; i++) {
		const struct stall_vcpu *v = &vcpus[i];
		uint64_t want = v->since;

		if (v->state == SCHED_STATE_RUNNING || v->state == SCHED_STATE_UNKNOWN || !v->since)
			return 0;
		last_ran = MAX(last_ran, v->since);
		if (v->state == SCHED_STATE_HALTED)
			want = v->queued;
		if (want && (!wanted || want < wanted))
			wanted = want;
	}
	return wanted ? MAX(last_ran, wanted) : 0;
}

uint64_t stall_end(const struct stall_vcpu *before, const struct stall_vcpu *vcpus, size_t n,
		   uint64_t now)
{
	uint64_t end = now;

	for (size_t i = 0; i < n; i++) {
		const struct stall_vcpu *v = &vcpus[i];
		uint64_t ran = v->run_ns - before[i].run_ns;

		if (v->state == SCHED_STATE_RUNNING)
			end = MIN(end, v->since > ran ? v->since - ran : v->since);
		else if (v->switches != before[i].switches && v->since > ran)
			end = MIN(end, v->since - ran);
	}
	return end;
}

/*
 * A condition variable of glibc waits with a bitset and on the real-time clock, its mutex with a
 * plain wait; in Rust's library both wait with a bitset, and the mutex while the word is 2.
 */
static enum stall_call futex_of(uint64_t operation, uint64_t value)
{
	bool on_clock = operation & FUTEX_CLOCK_REALTIME;

	if ((operation & FUTEX_CMD_MASK) != FUTEX_WAIT_BITSET)
		return CALL_FUTEX;
	return on_clock || value != 2 ? CALL_REST : CALL_FUTEX;
}

static enum stall_call call_of(long long number, uint64_t second, uint64_t third)
{
	switch (number) {
	case -1:
		return CALL_NONE;
	case __NR_ioctl:
		return second == KVM_RUN ? CALL_RUN : CALL_OTHER;
	case __NR_futex:
		return futex_of(second, third);
#ifdef __NR_poll
	case __NR_poll:
#endif
#ifdef __NR_epoll_wait
	case __NR_epoll_wait:
#endif
	case __NR_ppoll:
	case __NR_epoll_pwait:
		return CALL_POLL;
	}
	return CALL_OTHER;
}

/* "running", "-1 SP PC", or "NUMBER ARG1 ... ARG6 SP PC", all but the number hexadecimal. */
void stall_parse_call(const char *text, struct stall_thread *thread)
{
	uint64_t second, third;
	long long number;
	char *end;

	thread->call = CALL_UNKNOWN;
	thread->arg = 0;
	number = strtoll(text, &end, 10);
	if (end == text || (*end != ' ' && *end != '\n' && *end))
		return;
	thread->arg = strtoull(end, &end, 16);
	second = strtoull(end, &end, 16);
	third = strtoull(end, NULL, 16);
	thread->call = call_of(number, second, third);
}

bool stall_main_is_held(const struct stall_thread *thread)
{
	switch (thread->state) {
	case 'T':
	case 't':
	case 'D':
		return true;
	case 'S':
		return thread->call != CALL_POLL && thread->call != CALL_UNKNOWN;
	}
	return false;
}

static const struct stall_thread *in_state(const struct stall_look *look, const char *states)
{
	for (unsigned i = 0; i < look->n; i++)
		if (look->vcpus[i].state && strchr(states, look->vcpus[i].state))
			return &look->vcpus[i];
	return NULL;
}

/*
 * Each paused vCPU sleeps on a condition variable of its own. One that waits for what another
 * thread has to do shares the variable with others, or waits for a lock. What the main loop does
 * does not matter: on a busy host it waits for a CPU as everybody does.
 */
static bool looks_paused(const struct stall_look *look)
{
	if (!look->n)
		return false;
	for (unsigned i = 0; i < look->n; i++) {
		if (look->vcpus[i].state != 'S' || look->vcpus[i].call != CALL_REST)
			return false;
		for (unsigned j = 0; j < i; j++)
			if (look->vcpus[j].arg == look->vcpus[i].arg)
				return false;
	}
	return true;
}

static const char *call_name(enum stall_call call)
{
	static const char *const names[] = {
		[CALL_UNKNOWN] = "somewhere",	[CALL_NONE] = "no system call",
		[CALL_RUN] = "KVM_RUN",		[CALL_FUTEX] = "a lock",
		[CALL_REST] = "a wait",		[CALL_POLL] = "poll",
		[CALL_OTHER] = "a system call",
	};

	return names[call];
}

static void note_thread(char *note, const char *who, const struct stall_thread *thread)
{
	g_snprintf(note, STALL_NOTE_MAX, "%s in %s%s%s", who, call_name(thread->call),
		   *thread->wchan ? ", kernel: " : "", thread->wchan);
}

/* While it lasts, a throttled cgroup does not yet count the time that it is. */
static bool is_throttled(const struct stall_look *look)
{
	if (!look->has_quota)
		return false;
	return look->ended ? look->throttled_ns >= look->stalled_ns / 2 : look->was_throttled;
}

static enum stall_cause judge_runnable(const struct stall_look *look, char *note)
{
	if (is_throttled(look)) {
		g_strlcpy(note, "the quota of its cgroup was used up", STALL_NOTE_MAX);
		return STALL_THROTTLED;
	}
	g_strlcpy(note, "runnable, and others ran", STALL_NOTE_MAX);
	return STALL_NOT_SCHEDULED;
}

/* From outside: by a signal, a debugger or the freezer of its cgroup. */
static bool look_stopped(const struct stall_look *look, char *note)
{
	const struct stall_thread *t = in_state(look, "Tt");

	if (t) {
		g_strlcpy(note, t->state == 'T' ? "stopped by a signal" : "held by a debugger",
			  STALL_NOTE_MAX);
		return true;
	}
	for (unsigned i = 0; i < look->n; i++) {
		if (!strstr(look->vcpus[i].wchan, "refrigerator") &&
		    !strstr(look->vcpus[i].wchan, "freezer"))
			continue;
		g_strlcpy(note, "its cgroup is frozen", STALL_NOTE_MAX);
		return true;
	}
	return false;
}

enum stall_cause stall_judge(const struct stall_look *look, char *note)
{
	const struct stall_thread *t;

	*note = '\0';
	if (look_stopped(look, note))
		return STALL_SIGSTOP;
	if (look->said_paused) {
		g_strlcpy(note, "the provider says so", STALL_NOTE_MAX);
		return STALL_PAUSED;
	}
	if (in_state(look, "R"))
		return judge_runnable(look, note);
	t = in_state(look, "D");
	if (t) {
		note_thread(note, "a vCPU", t);
		return t->call == CALL_RUN || t->call == CALL_NONE ? STALL_PAGE_FAULT
								   : STALL_USERSPACE;
	}
	if (looks_paused(look)) {
		g_strlcpy(note, "its vCPU threads rest", STALL_NOTE_MAX);
		return STALL_PAUSED;
	}
	if (stall_main_is_held(&look->main))
		note_thread(note, "the main loop", &look->main);
	else if (look->n)
		note_thread(note, "a vCPU", &look->vcpus[0]);
	return STALL_USERSPACE;
}

void stall_begin(struct stall_memory *m, uint64_t began_ns)
{
	unsigned keep = MIN(m->n_events, STALL_EVENTS_MAX - 1);

	memmove(&m->events[1], &m->events[0], keep * sizeof(m->events[0]));
	m->n_events = keep + 1;
	m->events[0] = (struct stall_event){.began_ns = began_ns, .active = true};
	m->begun++;
}

void stall_resume(struct stall_memory *m, uint64_t began_ns, uint64_t counted_ns)
{
	stall_begin(m, began_ns);
	m->begun--;
	m->events[0].ns = counted_ns;
}

/* By cause it counts once it has ended: until then the cause may be seen better. */
void stall_update(struct stall_memory *m, enum stall_cause cause, const char *note, uint64_t ns,
		  bool ended)
{
	struct stall_event *e = &m->events[0];

	if (!stall_is_active(m))
		return;
	if (ns > e->ns) {
		m->total_ns += ns - e->ns;
		e->ns = ns;
	}
	e->cause = cause;
	e->active = !ended;
	if (*note)
		g_strlcpy(e->note, note, sizeof(e->note));
	if (!ended)
		return;
	m->count[cause]++;
	m->ns[cause] += e->ns;
}

bool stall_is_active(const struct stall_memory *m)
{
	return m->n_events && m->events[0].active;
}

void stall_totals(const struct stall_memory *m, struct stall_totals *ret_totals)
{
	*ret_totals = (struct stall_totals){
		.active = stall_is_active(m),
		.count = m->begun,
		.ns = m->total_ns,
		.last_cause = m->n_events ? m->events[0].cause : STALL_NONE,
		.main_loop_up = m->main_loop,
		.main_loop_ns = m->main_loop == ABSENT ? ABSENT : m->main_loop_ns,
	};
}
