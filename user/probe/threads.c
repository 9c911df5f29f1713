// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include "probe/threads.h"

#define READ_TRIES 1000

struct threads {
	uint16_t *pid_slots;
	struct sched_thread *records;
	unsigned n;
	gint used; /* atomic: the tick reads it while a scan adds and removes */
	uint16_t *free; /* stack */
	unsigned n_free;
	GArray *removed, *settling; /* uint16_t: since the last settle, and before it */
	GHashTable *retired; /* retired_key() to slot */
};

static gpointer retired_key(uint32_t tgid, uint8_t role)
{
	return GUINT_TO_POINTER((guint)(tgid << 4 | role)); /* pids have 22 bits */
}

static uint16_t *chain_head(struct threads *t, uint32_t tid)
{
	return &t->pid_slots[tid & (SCHED_PID_SLOTS - 1)];
}

static bool in_use(const struct sched_thread *r)
{
	return r->role != SCHED_ROLE_NONE;
}

struct threads *threads_new(uint16_t *pid_slots, struct sched_thread *records, unsigned n)
{
	struct threads *t = g_new0(struct threads, 1);
	unsigned i;

	t->pid_slots = pid_slots;
	t->records = records;
	t->n = n;
	t->free = g_new(uint16_t, n);
	t->removed = g_array_new(FALSE, FALSE, sizeof(uint16_t));
	t->settling = g_array_new(FALSE, FALSE, sizeof(uint16_t));
	t->retired = g_hash_table_new(NULL, NULL);
	for (i = n - 1; i >= 1; i--) {
		if (in_use(&records[i]))
			g_atomic_int_inc(&t->used);
		else
			t->free[t->n_free++] = i;
		if (records[i].role == SCHED_ROLE_RETIRED)
			g_hash_table_insert(t->retired,
					    retired_key(records[i].tgid, records[i].state),
					    GUINT_TO_POINTER(i));
	}
	return t;
}

void threads_free(struct threads *t)
{
	if (!t)
		return;
	g_array_unref(t->removed);
	g_array_unref(t->settling);
	g_hash_table_unref(t->retired);
	g_free(t->free);
	g_free(t);
}

static uint16_t find(struct threads *t, uint32_t tid, unsigned *ret_length)
{
	uint16_t slot = *chain_head(t, tid);
	unsigned length = 0;

	while (slot && slot < t->n && length < SCHED_CHAIN_MAX) {
		if (t->records[slot].tid == tid)
			break;
		slot = t->records[slot].next;
		length++;
	}
	*ret_length = length;
	return slot < t->n ? slot : 0;
}

/* The kernel side follows a chain while we change it: each step leaves it walkable. */
static void unlink_slot(struct threads *t, uint16_t slot)
{
	uint16_t *at = chain_head(t, t->records[slot].tid);
	unsigned i;

	for (i = 0; *at && *at < t->n && i < SCHED_CHAIN_MAX; i++) {
		if (*at == slot) {
			__atomic_store_n(at, t->records[slot].next, __ATOMIC_RELEASE);
			return;
		}
		at = &t->records[*at].next;
	}
}

static void publish(struct threads *t, uint16_t slot)
{
	uint16_t *head = chain_head(t, t->records[slot].tid);

	t->records[slot].next = *head;
	__atomic_store_n(head, slot, __ATOMIC_RELEASE);
}

static void begin_record(struct sched_thread *r, uint16_t slot, uint32_t tid, uint32_t tgid)
{
	memset(r, 0, sizeof(*r));
	r->tid = tid;
	r->tgid = tgid;
	r->slot = slot;
}

static uint16_t take_slot(struct threads *t)
{
	if (!t->n_free)
		return 0;
	g_atomic_int_inc(&t->used);
	return t->free[--t->n_free];
}

/* What the kernel side charges with a wait while this thread runs. */
static uint64_t entity_of(uint32_t tgid, enum sched_role role)
{
	if (role == SCHED_ROLE_AGENT)
		return (uint64_t)SCHED_ENTITY_KERNEL << SCHED_ENTITY_SHIFT | SCHED_KERNEL_AGENT;
	return (uint64_t)SCHED_ENTITY_VM << SCHED_ENTITY_SHIFT | (uint64_t)role << 32 | tgid;
}

int threads_add(struct threads *t, uint32_t tid, uint32_t tgid, enum sched_role role,
		uint16_t flags, int *ret_new)
{
	struct sched_thread *r;
	unsigned length;
	uint16_t slot = find(t, tid, &length);

	if (slot && (t->records[slot].tgid != tgid || (t->records[slot].flags & SCHED_F_EXITED))) {
		threads_remove(t, slot, t->records[slot].tgid == tgid);
		slot = find(t, tid, &length);
	}
	*ret_new = !slot;
	if (!slot) {
		if (length >= SCHED_CHAIN_MAX)
			return -ENOSPC;
		slot = take_slot(t);
		if (!slot)
			return -ENOSPC;
		begin_record(&t->records[slot], slot, tid, tgid);
	}
	r = &t->records[slot];
	r->role = role;
	r->entity = entity_of(tgid, role);
	r->flags = (r->flags & ~SCHED_F_TCG) | flags;
	if (*ret_new)
		publish(t, slot);
	return slot;
}

uint16_t threads_retired(struct threads *t, uint32_t tgid, enum sched_role role)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(t->retired, retired_key(tgid, role)));
}

static void add_up(struct sched_thread *sum, const struct sched_thread *r)
{
	unsigned i;

	sum->run_ns += r->run_ns;
	sum->wake_ns += r->wake_ns;
	sum->preempt_ns += r->preempt_ns;
	sum->halted_ns += r->halted_ns;
	sum->blocked_ns += r->blocked_ns;
	sum->gtime_ns += r->gtime_ns - r->gtime_base;
	sum->dropped_ns += r->dropped_ns;
	sum->switches += r->switches;
	sum->preempts += r->preempts;
	sum->migrations += r->migrations;
	for (i = 0; i < SCHED_HIST_BUCKETS; i++) {
		sum->wake_hist[i] += r->wake_hist[i];
		sum->preempt_hist[i] += r->preempt_hist[i];
	}
}

static void release(struct threads *t, uint16_t slot)
{
	t->records[slot].role = SCHED_ROLE_NONE;
	g_array_append_val(t->removed, slot);
	g_atomic_int_add(&t->used, -1);
}

void threads_remove(struct threads *t, uint16_t slot, int retire)
{
	struct sched_thread *r = &t->records[slot];
	uint16_t retired;

	if (!slot || slot >= t->n || !in_use(r))
		return;
	unlink_slot(t, slot);
	if (!retire) {
		release(t, slot);
		return;
	}
	retired = threads_retired(t, r->tgid, r->role);
	if (retired) {
		add_up(&t->records[retired], r);
		release(t, slot);
		return;
	}
	/* The record itself becomes the retired one: one store that a crash cannot split. */
	r->state = r->role;
	g_hash_table_insert(t->retired, retired_key(r->tgid, r->role), GUINT_TO_POINTER(slot));
	__atomic_store_n(&r->role, SCHED_ROLE_RETIRED, __ATOMIC_RELEASE);
}

void threads_forget(struct threads *t, uint32_t tgid)
{
	unsigned role, slot;

	for (role = 0; role < SCHED_ROLE_MAX; role++) {
		slot = threads_retired(t, tgid, role);
		if (!slot)
			continue;
		g_hash_table_remove(t->retired, retired_key(tgid, role));
		release(t, slot);
	}
}

void threads_settle(struct threads *t)
{
	GArray *old = t->settling;
	unsigned i;

	for (i = 0; i < old->len; i++) {
		uint16_t slot = g_array_index(old, uint16_t, i);

		memset(&t->records[slot], 0, sizeof(t->records[slot]));
		t->free[t->n_free++] = slot;
	}
	g_array_set_size(old, 0);
	t->settling = t->removed;
	t->removed = old;
}

static int read_head(const struct threads *t, uint16_t slot, struct sched_thread *ret_thread,
		     size_t size)
{
	struct sched_thread *r;
	uint32_t seq;
	int i;

	if (!slot || slot >= t->n)
		return -ESTALE;
	r = &t->records[slot];
	for (i = 0; i < READ_TRIES; i++) {
		seq = __atomic_load_n(&r->seq, __ATOMIC_ACQUIRE);
		if (seq & 1)
			continue;
		memcpy(ret_thread, r, size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&r->seq, __ATOMIC_RELAXED) != seq)
			continue;
		return in_use(ret_thread) ? 0 : -ESTALE;
	}
	return -EAGAIN;
}

int threads_read(const struct threads *t, uint16_t slot, struct sched_thread *ret_thread)
{
	return read_head(t, slot, ret_thread, sizeof(*ret_thread));
}

int threads_peek(const struct threads *t, uint16_t slot, struct sched_thread *ret_thread)
{
	return read_head(t, slot, ret_thread, offsetof(struct sched_thread, wake_hist));
}

uint16_t threads_next(const struct threads *t, uint16_t slot)
{
	unsigned i;

	for (i = slot + 1u; i < t->n; i++)
		if (in_use(&t->records[i]))
			return i;
	return 0;
}

unsigned threads_used(const struct threads *t)
{
	return (unsigned)g_atomic_int_get(&t->used);
}

unsigned threads_max(const struct threads *t)
{
	return t->n - 1;
}
