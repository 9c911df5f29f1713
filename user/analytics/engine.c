/* SPDX-License-Identifier: Apache-2.0 */
#include "analytics/engine.h"

#include <errno.h>
#include <glib.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include "analytics/found.h"
#include "analytics/series.h"
#include "metric/metric.h"
#include "store/columns.h"

/* A VM that is not seen for so long is forgotten. */
#define FORGET_S 3600
/* Between two looks at a VM's trends. The first comes within a minute, not for all at once. */
#define LOOK_S 300
#define FIRST_LOOK_S 60

struct engine {
	const struct metric **metric; /* of each watch, NULL: not in the catalogue */
	GHashTable *vms; /* uuid to struct watched_vm */
	GHashTable *series; /* itself to itself: found by metric and labels */
	GHashTable *young; /* uuid to struct young: VMs that nothing is learned of yet */
	GHashTable *remembered; /* "uuid\nmetric\nlabels" to struct watch_state */
	GHashTable *known; /* uuids that remembered has something of */
	gint64 begun_s, now_s;
	guint64 refused; /* samples of VMs that there was no room for */
	GMutex lock; /* what follows */
	GHashTable *found; /* uuid to struct found */
	struct engine_stats stats;
};

struct young {
	gint64 first_s, seen_s;
};

static void vm_destroy(gpointer vm)
{
	watched_vm_free(vm);
}

struct engine *engine_new(void)
{
	struct engine *e = g_new0(struct engine, 1);

	e->metric = g_new0(const struct metric *, n_watches);
	for (size_t i = 0; i < n_watches; i++)
		e->metric[i] = metric_find(watches[i].metric);
	e->series = g_hash_table_new(watched_hash, watched_equal);
	e->vms = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, vm_destroy);
	e->remembered = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	e->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	e->young = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_mutex_init(&e->lock);
	return e;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	g_hash_table_unref(engine->series);
	g_hash_table_unref(engine->vms);
	g_hash_table_unref(engine->remembered);
	g_hash_table_unref(engine->known);
	g_hash_table_unref(engine->young);
	g_clear_pointer(&engine->found, g_hash_table_unref);
	g_mutex_clear(&engine->lock);
	g_free(engine->metric);
	g_free(engine);
}

static char *state_key(const char *uuid, const char *metric, const char *labels)
{
	return g_strdup_printf("%s\n%s\n%s", uuid, metric, labels);
}

int engine_remember(struct engine *engine, const char *uuid, const char *metric, const char *labels,
		    const void *bytes, size_t n)
{
	g_autofree struct watch_state *state = g_new(struct watch_state, 1);
	int r = g_hash_table_size(engine->remembered) >= ENGINE_SERIES_ALL
			? -ENOSPC
			: watch_restore(state, bytes, n);

	if (r)
		return r;
	g_hash_table_add(engine->known, g_strdup(uuid));
	g_hash_table_insert(engine->remembered, state_key(uuid, metric, labels),
			    g_steal_pointer(&state));
	return 0;
}

static void forget_vm(struct engine *e, struct watched_vm *vm)
{
	for (guint i = 0; i < vm->series->len; i++)
		g_hash_table_remove(e->series, g_ptr_array_index(vm->series, i));
	g_hash_table_remove(e->vms, vm->uuid);
}

/* The VM that was seen least recently; NULL: all are there. *ret_series is how many have left. */
static struct watched_vm *oldest_gone(const struct engine *e, guint *ret_series)
{
	struct watched_vm *vm, *oldest = NULL;
	GHashTableIter iter;

	*ret_series = 0;
	g_hash_table_iter_init(&iter, e->vms);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&vm)) {
		if (vm->seen_s >= e->now_s)
			continue;
		*ret_series += vm->series->len;
		if (!oldest || vm->seen_s < oldest->seen_s)
			oldest = vm;
	}
	return oldest;
}

/* A VM is known, or as old as it has to be, or something was kept of it. */
static bool is_of_age(struct engine *e, const char *uuid)
{
	struct young *young;

	if (g_hash_table_contains(e->vms, uuid) || g_hash_table_contains(e->known, uuid))
		return true;
	young = g_hash_table_lookup(e->young, uuid);
	if (!young) {
		young = g_new0(struct young, 1);
		young->first_s = e->now_s;
		g_hash_table_insert(e->young, g_strdup(uuid), young);
	}
	young->seen_s = e->now_s;
	return e->now_s - young->first_s >= ENGINE_MIN_AGE_S;
}

static bool make_room(struct engine *e)
{
	struct watched_vm *oldest;
	guint gone;

	if (g_hash_table_size(e->series) < ENGINE_SERIES_ALL)
		return true;
	oldest = oldest_gone(e, &gone);
	if (oldest)
		forget_vm(e, oldest);
	else
		e->refused++;
	return oldest != NULL;
}

static struct watched_vm *take_vm(struct engine *e, const struct snap_vm *snap)
{
	struct watched_vm *vm = g_hash_table_lookup(e->vms, snap->ident->uuid);

	if (!vm) {
		vm = watched_vm_new(snap->ident->uuid, snap->labels);
		vm->due_s = e->now_s + g_str_hash(vm->uuid) % FIRST_LOOK_S;
		g_hash_table_insert(e->vms, vm->uuid, vm);
	}
	vm->seen_s = e->now_s;
	return vm;
}

/* What was kept of the series, else a memory that is empty. */
static struct watch_state *take_state(struct engine *e, const struct watched *s)
{
	g_autofree char *key = state_key(s->vm->uuid, s->metric->name, s->text);
	gpointer old_key = NULL, state = NULL;

	if (g_hash_table_steal_extended(e->remembered, key, &old_key, &state)) {
		g_free(old_key);
		return state;
	}
	state = g_new(struct watch_state, 1);
	watch_init(state);
	return state;
}

static struct watched *take_series(struct engine *e, const struct watch *watch,
				   const struct metric *metric, const struct snap_vm *snap,
				   const struct labels *labels)
{
	const struct watched key = {.metric = metric, .labels = (struct labels *)labels};
	struct watched *s = g_hash_table_lookup(e->series, &key);
	struct watched_vm *vm;

	if (s) {
		s->vm->seen_s = e->now_s;
		return s;
	}
	if (!is_of_age(e, snap->ident->uuid) || !make_room(e))
		return NULL;
	vm = take_vm(e, snap);
	if (vm->series->len >= ENGINE_SERIES) {
		vm->refused++;
		return NULL;
	}
	s = watched_new(vm, watch, metric, labels);
	s->state = take_state(e, s);
	g_hash_table_add(e->series, s);
	return s;
}

struct learning {
	struct engine *engine;
	const struct watch *watch;
};

static int learn(void *arg, const struct metric *metric, const struct snap_vm *vm,
		 const struct labels *labels, const struct metric_value *value)
{
	const struct learning *l = arg;
	struct watched *s;

	if (!vm || metric->type == TYPE_HIST)
		return 0;
	s = take_series(l->engine, l->watch, metric, vm, labels);
	if (s)
		watched_learn(s, l->engine->now_s, metric_number(metric, value));
	return 0;
}

static gboolean is_unseen(gpointer uuid, gpointer young, gpointer now_s)
{
	return ((struct young *)young)->seen_s < *(gint64 *)now_s;
}

static gboolean is_grown(gpointer uuid, gpointer young, gpointer vms)
{
	return g_hash_table_contains(vms, uuid);
}

static void forget(struct engine *e)
{
	struct watched_vm *oldest;
	guint gone;

	while ((oldest = oldest_gone(e, &gone)) &&
	       (gone > ENGINE_SERIES_GONE || e->now_s - oldest->seen_s > FORGET_S))
		forget_vm(e, oldest);
	g_hash_table_foreach_remove(e->young, is_unseen, &e->now_s);
	g_hash_table_foreach_remove(e->young, is_grown, e->vms);
	/* What was kept of VMs that have not come back. The store has it for longer. */
	if (e->now_s - e->begun_s <= FORGET_S)
		return;
	g_hash_table_remove_all(e->remembered);
	g_hash_table_remove_all(e->known);
}

static void look(struct engine *e, struct watched_vm *vm)
{
	if (e->now_s < vm->due_s)
		return;
	for (guint i = 0; i < vm->series->len; i++)
		watched_look(g_ptr_array_index(vm->series, i), vm->looks);
	vm->looks++;
	vm->due_s = e->now_s + LOOK_S;
}

static void found_destroy(gpointer found)
{
	found_free(found);
}

static guint64 thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (guint64)t.tv_sec * 1000000000u + (guint64)t.tv_nsec;
}

static void publish(struct engine *e, guint64 begun_ns)
{
	GHashTable *found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, found_destroy);
	struct engine_stats stats = {.refused = e->refused};
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, e->vms);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct watched_vm *vm = value;

		look(e, vm);
		g_hash_table_insert(found, g_strdup(vm->uuid), found_of(vm));
		stats.vms++;
		stats.series += vm->series->len;
		stats.refused += vm->refused;
	}
	stats.bytes = stats.series * sizeof(struct watch_state);
	stats.cpu_ns = thread_cpu_ns() - begun_ns;
	g_mutex_lock(&e->lock);
	stats.cpu_ns += e->stats.cpu_ns;
	e->stats = stats;
	value = e->found;
	e->found = found;
	g_mutex_unlock(&e->lock);
	if (value)
		g_hash_table_unref(value);
}

void engine_feed(void *engine, const struct kvmlens_snapshot *snapshot)
{
	struct engine *e = engine;
	guint64 begun_ns = thread_cpu_ns();

	e->now_s = snapshot->wall_ms / 1000;
	if (!e->begun_s)
		e->begun_s = e->now_s;
	for (size_t i = 0; i < n_watches; i++) {
		struct learning learning = {e, &watches[i]};

		if (e->metric[i])
			metric_walk(snapshot, e->metric[i], learn, &learning);
	}
	forget(e);
	publish(e, begun_ns);
}

void engine_fill(void *engine, struct kvmlens_snapshot *snapshot)
{
	struct engine *e = engine;
	g_autoptr(GHashTable) found = NULL;

	g_mutex_lock(&e->lock);
	if (e->found)
		found = g_hash_table_ref(e->found);
	g_mutex_unlock(&e->lock);
	for (size_t i = 0; found && i < snapshot->vms.n; i++) {
		struct snap_vm *vm = entities_at(&snapshot->vms, i);

		found_fill(g_hash_table_lookup(found, vm->ident->uuid), vm);
	}
}

int engine_each_state(struct engine *engine, engine_state_fn fn, void *arg)
{
	GHashTableIter iter;
	gpointer key;
	int r = 0;

	g_hash_table_iter_init(&iter, engine->series);
	while (r == 0 && g_hash_table_iter_next(&iter, &key, NULL)) {
		const struct watched *s = key;

		r = fn(arg, s->vm->uuid, s->metric->name, s->text, s->state);
	}
	return r;
}

void engine_stats(struct engine *engine, struct engine_stats *ret_stats)
{
	g_mutex_lock(&engine->lock);
	*ret_stats = engine->stats;
	g_mutex_unlock(&engine->lock);
}
