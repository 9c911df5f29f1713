// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <unistd.h>
#include "core/track.h"

#define SETTLE_US G_USEC_PER_SEC

struct tracker {
	struct probe *probe;
	struct threads *threads; /* NULL: the kernel side was refused */
	GMutex lock;
	GHashTable *claimed; /* slots that discovery has asked for; NULL after the first scan */
	uint16_t self;
	gint64 settled_us;
	uint64_t refused;
};

struct tracker *tracker_new(struct probe *probe)
{
	struct tracker *t = g_new0(struct tracker, 1);

	t->probe = probe;
	t->threads = probe_threads(probe);
	t->claimed = g_hash_table_new(NULL, NULL);
	g_mutex_init(&t->lock);
	return t;
}

void tracker_free(struct tracker *t)
{
	if (!t)
		return;
	if (t->claimed)
		g_hash_table_unref(t->claimed);
	g_mutex_clear(&t->lock);
	g_free(t);
}

void tracker_lock(struct tracker *t)
{
	g_mutex_lock(&t->lock);
}

void tracker_unlock(struct tracker *t)
{
	g_mutex_unlock(&t->lock);
}

static int scan(void *ctx, GArray *found)
{
	struct tracker *t = ctx;

	return probe_scan_kvm(t->probe, found);
}

static int track(void *ctx, pid_t tid, pid_t tgid, enum sched_role role, uint32_t flags,
		 uint16_t *ret_slot)
{
	struct tracker *t = ctx;
	int slot, is_new = 0;

	if (!t->threads)
		return -ENOTSUP;
	slot = threads_add(t->threads, tid, tgid, role, flags, &is_new);
	if (slot < 0) {
		t->refused++;
		return slot;
	}
	if (is_new) {
		probe_slot_clear(t->probe, slot);
		/* Its disks are not to wait for the next tick. */
		probe_block_vm(t->probe, tgid, true);
	}
	if (t->claimed)
		g_hash_table_add(t->claimed, GINT_TO_POINTER(slot));
	*ret_slot = slot;
	return 0;
}

static unsigned room(void *ctx, unsigned *ret_all)
{
	const struct tracker *t = ctx;

	*ret_all = t->threads ? threads_max(t->threads) : 0;
	return t->threads ? *ret_all - threads_used(t->threads) : 0;
}

static void forget_reasons(void *arg, const struct kvm_reason_key *key,
			   const struct kvm_reason_value *value)
{
	GArray *keys = arg;

	g_array_append_val(keys, *key);
}

/* kvm_reasons is keyed by thread: what a dead one left would be taken for its successor's. */
static void drop_reasons(struct tracker *t, uint32_t tid)
{
	g_autoptr(GArray) keys = g_array_new(FALSE, FALSE, sizeof(struct kvm_reason_key));
	unsigned i;

	if (probe_reasons(t->probe, forget_reasons, keys))
		return;
	for (i = 0; i < keys->len; i++) {
		struct kvm_reason_key *key = &g_array_index(keys, struct kvm_reason_key, i);

		if (key->tid == tid)
			probe_reason_forget(t->probe, key);
	}
}

static void untrack(void *ctx, uint16_t slot, bool keep)
{
	struct tracker *t = ctx;
	struct sched_thread record;

	if (!t->threads || threads_read(t->threads, slot, &record))
		return;
	if (record.role == SCHED_ROLE_VCPU)
		drop_reasons(t, record.tid);
	threads_remove(t->threads, slot, keep);
	if (!keep)
		threads_forget(t->threads, record.tgid);
}

/* Refused for want of room: then nobody knows how it ended. */
static void watch(void *ctx, pid_t pid)
{
	struct tracker *t = ctx;

	probe_exit_watch(t->probe, pid);
}

static void ended(void *ctx, pid_t pid, struct vm_exit *ret_exit)
{
	struct tracker *t = ctx;
	struct exit_record record;

	if (probe_exit_take(t->probe, pid, &record))
		return;
	*ret_exit = (struct vm_exit){.known = record.flags & EXIT_F_ENDED,
				     .code = record.code,
				     .oom = record.flags & EXIT_F_OOM};
}

static void begin(void *ctx)
{
	tracker_lock(ctx);
}

static void end(void *ctx)
{
	struct tracker *t = ctx;

	gint64 now = g_get_monotonic_time();

	/* A program that found a record before its removal has left it long before that. */
	if (t->threads && now - t->settled_us > SETTLE_US) {
		threads_settle(t->threads);
		t->settled_us = now;
	}
	tracker_unlock(ctx);
}

static GHashTable *claimed_processes(struct tracker *t)
{
	GHashTable *tgids = g_hash_table_new(NULL, NULL);
	struct sched_thread record;
	GHashTableIter iter;
	gpointer slot;

	g_hash_table_iter_init(&iter, t->claimed);
	while (g_hash_table_iter_next(&iter, &slot, NULL))
		if (!threads_read(t->threads, GPOINTER_TO_INT(slot), &record))
			g_hash_table_add(tgids, GUINT_TO_POINTER(record.tgid));
	return tgids;
}

static void drop_unclaimed(struct tracker *t)
{
	g_autoptr(GHashTable) tgids = claimed_processes(t);
	struct sched_thread record;
	uint16_t slot = 0;
	bool alive;

	while ((slot = threads_next(t->threads, slot))) {
		if (g_hash_table_contains(t->claimed, GINT_TO_POINTER(slot)) ||
		    threads_read(t->threads, slot, &record) || slot == t->self)
			continue;
		alive = g_hash_table_contains(tgids, GUINT_TO_POINTER(record.tgid));
		if (record.role != SCHED_ROLE_RETIRED)
			threads_remove(t->threads, slot, alive);
		else if (!alive)
			threads_forget(t->threads, record.tgid);
	}
}

/* Records of an earlier run that nobody claimed by the first full scan belong to the dead. */
static void scanned(void *ctx)
{
	struct tracker *t = ctx;

	if (!t->claimed || !t->threads)
		return;
	tracker_lock(t);
	drop_unclaimed(t);
	tracker_unlock(t);
	g_hash_table_unref(t->claimed);
	t->claimed = NULL;
}

const struct discover_ops tracker_ops = {
	.scan = scan,
	.track = track,
	.room = room,
	.untrack = untrack,
	.watch = watch,
	.ended = ended,
	.begin = begin,
	.end = end,
	.scanned = scanned,
};

uint16_t tracker_add_self(struct tracker *t)
{
	int slot, is_new;

	if (!t->threads)
		return 0;
	tracker_lock(t);
	slot = threads_add(t->threads, gettid(), getpid(), SCHED_ROLE_AGENT, 0, &is_new);
	tracker_unlock(t);
	t->self = slot > 0 ? slot : 0;
	return t->self;
}

uint64_t tracker_refused(struct tracker *t)
{
	return __atomic_load_n(&t->refused, __ATOMIC_RELAXED);
}
