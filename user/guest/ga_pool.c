// SPDX-License-Identifier: Apache-2.0
#include "guest/ga_pool.h"

#include <errno.h>
#include <string.h>

#include "guest/ga_libvirt.h"
#include "guest/ga_session.h"
#include "guest/ga_socket.h"

#define THREADS 4u
#define HUNG_MAX 8u
#define OVERRUN_MS 20000u
#define BACKOFF_LAST_MS 300000u
#define MS G_GINT64_CONSTANT(1000)
#define STOP_US G_USEC_PER_SEC
#define QUICK_LOOKS 3u /* in the slow lane, before an agent is back in the quick one */

/* One look under way. It outlives the guest, and the pool, when it hangs. */
struct run {
	struct ga_session *session;
	struct ga_libvirt *libvirt; /* a reference, NULL */
	unsigned parts;
	gint64 begun; /* us of the monotonic clock, as are all times here */
	bool slow; /* in the slow lane */
	struct vm_owner owner; /* of the guest, as is pid */
	pid_t pid;
	struct slot *slot; /* under lock; NULL: nobody waits for it any more */
	bool hung; /* under lock: its thread was given up */
};

struct slot {
	struct ga_target target;
	struct ga_session *session; /* NULL: none yet, or a run has it */
	struct run *run;
	gint64 due;
	unsigned backoff_ms;
	unsigned slow; /* quick looks until it leaves the slow lane, 0: it is in the quick one */
	bool wanted;
	struct ga_result *result;
	struct ga_state state;
};

struct ga_pool {
	gint ref; /* the owner's, and one for each thread */
	struct ga_pool_options options;
	struct ga_libvirt *libvirt;
	GMutex lock; /* of all that follows */
	GCond wake, ended;
	GPtrArray *runs; /* struct run: under way, those that hang included */
	GPtrArray *slots, *gone; /* gone: to be freed by a thread, as that may wait */
	bool forsake; /* libvirt's connection hangs: likewise */
	unsigned threads, hung; /* that work, and that hang */
	bool stop;
};

static void slot_free(struct slot *slot)
{
	if (slot->run)
		slot->run->slot = NULL;
	ga_session_free(slot->session);
	ga_result_unref(slot->result);
	g_free(slot);
}

static void pool_unref(struct ga_pool *pool)
{
	if (!g_atomic_int_dec_and_test(&pool->ref))
		return;
	for (guint i = 0; i < pool->slots->len; i++)
		slot_free(pool->slots->pdata[i]);
	g_ptr_array_unref(pool->slots);
	for (guint i = 0; i < pool->gone->len; i++)
		slot_free(pool->gone->pdata[i]);
	g_ptr_array_unref(pool->gone);
	g_ptr_array_unref(pool->runs);
	ga_libvirt_unref(pool->libvirt);
	g_mutex_clear(&pool->lock);
	g_cond_clear(&pool->wake);
	g_cond_clear(&pool->ended);
	g_free(pool);
}

static bool is_slow(const struct slot *slot)
{
	return slot->slow || (slot->state.looks && !slot->state.up);
}

/* Slots in the slow lane, and the looks under way there. */
static unsigned count_slow(const struct ga_pool *pool, unsigned *ret_runs)
{
	unsigned n = 0, runs = 0;

	for (guint i = 0; i < pool->slots->len; i++) {
		const struct slot *slot = pool->slots->pdata[i];

		n += is_slow(slot);
		runs += slot->run && slot->run->slow;
	}
	if (ret_runs)
		*ret_runs = runs;
	return n;
}

static unsigned slow_threads(const struct ga_pool *pool)
{
	return MAX(pool->options.threads / 2, 1);
}

/* A guest whose last call still hangs is not asked again; an owner at its limit waits. */
static bool may_run(struct ga_pool *pool, const struct slot *slot)
{
	const struct vm_owner *owner = &slot->target.owner;
	uint64_t n = 0;

	for (guint i = 0; i < pool->runs->len; i++) {
		const struct run *run = pool->runs->pdata[i];

		if (run->hung && run->pid == slot->target.pid)
			return false;
		n += owner->ordinary && !strcmp(run->owner.name, owner->name);
	}
	return !owner->ordinary || n < refusals_limit(pool->options.refusals, REFUSAL_LOOKUPS);
}

/* The one that is due longest; *ret_next is when to look again where there is none. */
static struct slot *pick(struct ga_pool *pool, gint64 now, gint64 *ret_next)
{
	struct slot *first = NULL;
	unsigned slow_runs;

	count_slow(pool, &slow_runs);
	for (guint i = 0; i < pool->slots->len; i++) {
		struct slot *slot = pool->slots->pdata[i];

		if (slot->run || (first && slot->due >= first->due) ||
		    (is_slow(slot) && slow_runs >= slow_threads(pool)))
			continue;
		if (may_run(pool, slot))
			first = slot;
		else if (slot->due <= now)
			slot->due = now + pool->options.interval_ms * MS / 8;
	}
	*ret_next = first ? first->due : now + G_USEC_PER_SEC;
	return first && first->due <= now ? first : NULL;
}

static struct run *begin(struct ga_pool *pool, struct slot *slot, gint64 now)
{
	bool libvirt = slot->target.libvirt && !pool->options.ops;
	const struct ga_link_ops *ops = pool->options.ops
						?: libvirt ? &ga_libvirt_ops
							   : &ga_socket_ops;
	struct run *run = g_new0(struct run, 1);

	run->session = g_steal_pointer(&slot->session)
			       ?: ga_session_new(ops, libvirt ? pool->libvirt : pool->options.arg,
						 &slot->target, pool->options.answer_ms);
	run->libvirt = libvirt ? ga_libvirt_ref(pool->libvirt) : NULL;
	run->parts = slot->target.parts;
	run->begun = now;
	run->slow = is_slow(slot);
	run->owner = slot->target.owner;
	run->pid = slot->target.pid;
	run->slot = slot;
	slot->run = run;
	ga_session_limit(run->session, run->slow ? 0 : pool->options.quick_ms);
	g_ptr_array_add(pool->runs, run);
	return run;
}

static void run_free(struct run *run)
{
	ga_session_free(run->session);
	ga_libvirt_unref(run->libvirt);
	g_free(run);
}

static void failed(struct ga_pool *pool, struct slot *slot, const char *why)
{
	unsigned interval = pool->options.interval_ms;

	slot->backoff_ms = CLAMP(slot->backoff_ms * 2, interval, MAX(BACKOFF_LAST_MS, interval));
	slot->due = g_get_monotonic_time() + slot->backoff_ms * MS;
	slot->state.up = false;
	slot->state.looks++;
	slot->state.failures++;
	g_strlcpy(slot->state.why, why, sizeof(slot->state.why));
}

/* The look took too long for the quick lane: it is tried again in the other one, at once. */
static void move_to_slow(struct slot *slot)
{
	slot->slow = QUICK_LOOKS;
	slot->due = g_get_monotonic_time();
}

static void succeeded(struct ga_pool *pool, struct slot *slot, gint64 took,
		      struct ga_result *result)
{
	gint64 now = g_get_monotonic_time(), pause = pool->options.interval_ms * MS;

	ga_result_unref(slot->result);
	slot->result = result;
	slot->state.up = true;
	slot->state.looks++;
	slot->state.why[0] = '\0';
	slot->backoff_ms = 0;
	if (took > pool->options.quick_ms * MS)
		slot->slow = QUICK_LOOKS;
	else if (slot->slow)
		slot->slow--;
	/* Its share of the slow lane's time is that of each. */
	if (slot->slow)
		pause = MAX(pause, took * count_slow(pool, NULL) / slow_threads(pool));
	slot->due += pause;
	if (slot->due < now)
		slot->due = now + pause;
}

static void refuse(struct ga_pool *pool, const struct run *run, enum refusal_reason reason)
{
	refusals_add(pool->options.refusals, &run->owner, run->pid, reason, 1);
}

/* Under lock. */
static void end(struct ga_pool *pool, struct run *run, int error, struct ga_result *result,
		const char *why)
{
	gint64 took = g_get_monotonic_time() - run->begun;
	struct slot *slot = run->slot;

	g_ptr_array_remove_fast(pool->runs, run);
	if (error == -EXDEV)
		refuse(pool, run, REFUSAL_SOCKET);
	if (!slot) {
		ga_result_unref(result);
		return;
	}
	slot->run = NULL;
	slot->session = g_steal_pointer(&run->session);
	if (error == -ETIMEDOUT && !run->slow)
		move_to_slow(slot);
	else if (error)
		failed(pool, slot, why);
	else
		succeeded(pool, slot, took, result);
	slot->state.slow = is_slow(slot);
}

/* Under lock, which is dropped while the agent is asked. False: this thread is one too many. */
static bool serve(struct ga_pool *pool, struct slot *slot, gint64 now)
{
	struct run *run = begin(pool, slot, now);
	struct ga_result *result = NULL;
	char why[GA_WHY_LEN] = "";
	bool hung;
	int r;

	g_mutex_unlock(&pool->lock);
	r = ga_session_look(run->session, run->parts, &result, why);
	g_mutex_lock(&pool->lock);
	end(pool, run, r, result, why);
	hung = run->hung;
	g_mutex_unlock(&pool->lock);
	run_free(run); /* closing may wait */
	g_mutex_lock(&pool->lock);
	if (!hung)
		return true;
	pool->hung--;
	if (pool->threads >= pool->options.threads)
		return false;
	pool->threads++;
	return true;
}

/* Under lock, which is dropped meanwhile. */
static void clear_gone(struct ga_pool *pool)
{
	GPtrArray *gone = pool->gone;
	bool forsake = pool->forsake;

	if (!gone->len && !forsake)
		return;
	pool->gone = g_ptr_array_new();
	pool->forsake = false;
	g_mutex_unlock(&pool->lock);
	if (forsake)
		ga_libvirt_forsake(pool->libvirt);
	for (guint i = 0; i < gone->len; i++)
		slot_free(gone->pdata[i]);
	g_ptr_array_unref(gone);
	g_mutex_lock(&pool->lock);
}

static gpointer thread_main(gpointer data)
{
	struct ga_pool *pool = data;
	bool counted = true;

	g_mutex_lock(&pool->lock);
	while (!pool->stop && counted) {
		gint64 now = g_get_monotonic_time(), next;
		struct slot *slot;

		clear_gone(pool);
		slot = pick(pool, now, &next);
		if (slot)
			counted = serve(pool, slot, now);
		else
			g_cond_wait_until(&pool->wake, &pool->lock, next);
	}
	pool->threads -= counted;
	g_cond_broadcast(&pool->ended);
	g_mutex_unlock(&pool->lock);
	pool_unref(pool);
	return NULL;
}

/* Under lock, or before there is another thread. */
static bool add_thread(struct ga_pool *pool)
{
	GThread *thread;

	g_atomic_int_inc(&pool->ref);
	thread = g_thread_try_new("guest-agent", thread_main, pool, NULL);
	if (!thread) {
		g_atomic_int_add(&pool->ref, -1); /* the owner's is left */
		return false;
	}
	/* Detached: nobody may wait for a thread that hangs. */
	g_thread_unref(thread);
	pool->threads++;
	return true;
}

struct ga_pool *ga_pool_new(const struct ga_pool_options *options)
{
	struct ga_pool *pool = g_new0(struct ga_pool, 1);

	pool->ref = 1;
	pool->options = *options;
	pool->options.threads = options->threads ?: THREADS;
	pool->options.overrun_ms = options->overrun_ms ?: OVERRUN_MS;
	pool->options.quick_ms =
		options->quick_ms ?: MAX((options->answer_ms ?: GA_ANSWER_MS) / 3, 1);
	pool->libvirt = ga_libvirt_new(options->uri);
	g_mutex_init(&pool->lock);
	g_cond_init(&pool->wake);
	g_cond_init(&pool->ended);
	pool->slots = g_ptr_array_new();
	pool->gone = g_ptr_array_new();
	pool->runs = g_ptr_array_new();
	g_mutex_lock(&pool->lock);
	while (pool->threads < pool->options.threads && add_thread(pool))
		;
	g_mutex_unlock(&pool->lock);
	if (pool->threads)
		return pool;
	pool_unref(pool);
	return NULL;
}

void ga_pool_free(struct ga_pool *pool)
{
	gint64 until = g_get_monotonic_time() + STOP_US;

	if (!pool)
		return;
	g_mutex_lock(&pool->lock);
	pool->stop = true;
	g_cond_broadcast(&pool->wake);
	while (pool->threads && g_cond_wait_until(&pool->ended, &pool->lock, until))
		;
	g_mutex_unlock(&pool->lock);
	pool_unref(pool);
}

static struct slot *find(const struct ga_pool *pool, pid_t pid, uint64_t start_ns)
{
	for (guint i = 0; i < pool->slots->len; i++) {
		struct slot *slot = pool->slots->pdata[i];

		if (slot->target.pid == pid && slot->target.start_ns == start_ns)
			return slot;
	}
	return NULL;
}

static bool same_way(const struct ga_target *a, const struct ga_target *b)
{
	return a->libvirt == b->libvirt && !strcmp(a->uuid, b->uuid);
}

/* Begin anew on another way: libvirt has come to know a VM that was nobody's before. */
static void change_way(struct ga_pool *pool, struct slot *slot)
{
	struct slot *old = g_new0(struct slot, 1);

	old->session = g_steal_pointer(&slot->session);
	g_ptr_array_add(pool->gone, old);
	if (slot->run)
		g_steal_pointer(&slot->run)->slot = NULL;
	slot->backoff_ms = 0;
	slot->due = g_get_monotonic_time();
}

static void take_target(struct ga_pool *pool, const struct ga_target *target)
{
	struct slot *slot = find(pool, target->pid, target->start_ns);

	if (!slot) {
		slot = g_new0(struct slot, 1);
		slot->state.known = true;
		slot->due = g_get_monotonic_time();
		g_ptr_array_add(pool->slots, slot);
	} else if (!same_way(&slot->target, target)) {
		change_way(pool, slot);
	}
	slot->target = *target;
	slot->wanted = true;
}

/* The look's own deadlines did not help. Its thread is left alone, another takes its place. */
static void give_up(struct ga_pool *pool, struct slot *slot)
{
	struct run *run = g_steal_pointer(&slot->run);

	run->slot = NULL;
	run->hung = true;
	refuse(pool, run, REFUSAL_HANG);
	failed(pool, slot, "a call to the agent hangs");
	pool->threads--;
	pool->hung++;
	if (pool->hung <= HUNG_MAX)
		add_thread(pool);
}

static void find_hung(struct ga_pool *pool)
{
	gint64 oldest = g_get_monotonic_time() - pool->options.overrun_ms * MS;

	for (guint i = 0; i < pool->slots->len; i++) {
		struct slot *slot = pool->slots->pdata[i];

		if (!slot->run || slot->run->begun >= oldest)
			continue;
		pool->forsake |= slot->run->libvirt != NULL;
		give_up(pool, slot);
	}
}

static void remove_unwanted(struct ga_pool *pool)
{
	for (guint i = pool->slots->len; i-- > 0;) {
		struct slot *slot = pool->slots->pdata[i];

		if (slot->wanted) {
			slot->wanted = false;
			continue;
		}
		if (slot->run)
			g_steal_pointer(&slot->run)->slot = NULL;
		g_ptr_array_add(pool->gone, slot);
		g_ptr_array_remove_index_fast(pool->slots, i);
	}
}

void ga_pool_set(struct ga_pool *pool, const struct ga_target *targets, size_t n)
{
	g_mutex_lock(&pool->lock);
	for (size_t i = 0; i < n; i++)
		take_target(pool, &targets[i]);
	remove_unwanted(pool);
	find_hung(pool);
	g_cond_broadcast(&pool->wake);
	g_mutex_unlock(&pool->lock);
}

struct ga_result *ga_pool_get(struct ga_pool *pool, pid_t pid, uint64_t start_ns,
			      struct ga_state *ret_state)
{
	struct ga_result *result = NULL;
	struct slot *slot;

	g_mutex_lock(&pool->lock);
	slot = find(pool, pid, start_ns);
	*ret_state = slot ? slot->state : (struct ga_state){0};
	if (slot && slot->result)
		result = ga_result_ref(slot->result);
	g_mutex_unlock(&pool->lock);
	return result;
}

unsigned ga_pool_hung(struct ga_pool *pool)
{
	unsigned n;

	g_mutex_lock(&pool->lock);
	n = pool->hung;
	g_mutex_unlock(&pool->lock);
	return n;
}
