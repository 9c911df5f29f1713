// SPDX-License-Identifier: Apache-2.0
#include "vm/footprints.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/offload.h"
#include "vm/footprint_read.h"

#define DEADLINE_MS 2000
#define PARKED_MAX 64 /* a hung VMM holds one: it takes as many to cost the other VMs theirs */
#define WALK_SHARE 50 /* a walk of t is followed by 50 t without one */
#define WALK_PAUSE_NS 60000000000ull /* below detailed, where there may be very many VMs */

/* One VM; of the thread, but for view, which is under the lock. */
struct vm {
	struct footprint_target target;
	struct footprint_view view;
	bool known, leased; /* leased: an image of it, as last refused */
	struct footprint_job *hung; /* a call that has not come back; a reference */
	uint64_t walk_at; /* not before, CLOCK_MONOTONIC */
};

struct footprints {
	char *proc;
	unsigned interval_ms;
	struct refusals *refusals;
	struct offload *offload;
	GThread *thread;
	GMutex lock; /* of what follows */
	GCond wake;
	gint stop;
	bool changed;
	GHashTable *vms; /* pid to struct vm */
	GArray *wanted; /* struct footprint_target, as last set */
	unsigned hung;
};

static void vm_free(gpointer data)
{
	struct vm *vm = data;

	if (vm->hung)
		offload_job_unref(&vm->hung->job);
	g_free(vm);
}

/* Once for each time that it begins. */
static void note_leased(struct footprints *f, struct vm *vm, const struct footprint_view *view)
{
	bool leased = false;

	for (unsigned i = 0; i < view->n_images; i++)
		leased |= view->images[i].leased;
	if (leased && !vm->leased)
		refusals_add(f->refusals, &vm->target.owner, vm->target.pid, REFUSAL_FILE, 1);
	vm->leased = leased;
}

static void take_answer(struct footprints *f, struct vm *vm, const struct footprint_job *job)
{
	if (job->err)
		return;
	if (job->walk)
		vm->walk_at = job->view.mono_ns +
			      MAX(WALK_SHARE * job->walk_ns,
				  vm->target.level < KVMLENS_DETAILED ? WALK_PAUSE_NS : 0);
	note_leased(f, vm, &job->view);
	g_mutex_lock(&f->lock);
	vm->view = job->view;
	vm->known = true;
	g_mutex_unlock(&f->lock);
}

/* A call that hung has come back, or not. True: the VM can be asked. */
static bool answers(struct footprints *f, struct vm *vm)
{
	if (!vm->hung)
		return true;
	if (!offload_job_done(&vm->hung->job))
		return false;
	take_answer(f, vm, vm->hung);
	offload_job_unref(&vm->hung->job);
	vm->hung = NULL;
	return true;
}

/* Of an ordinary owner that has as many calls that hang as it may. Only this thread changes vms. */
static bool is_stuck(struct footprints *f, const struct vm *vm)
{
	const struct vm_owner *owner = &vm->target.owner;
	uint64_t hung = 0;
	GHashTableIter iter;
	struct vm *other;

	if (!owner->ordinary)
		return false;
	g_hash_table_iter_init(&iter, f->vms);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&other))
		hung += other->hung && !strcmp(other->target.owner.name, owner->name);
	return hung >= refusals_limit(f->refusals, REFUSAL_LOOKUPS);
}

static void look(struct footprints *f, struct vm *vm)
{
	struct footprint_job *job;
	int err;

	if (!answers(f, vm) || is_stuck(f, vm))
		return;
	job = footprint_job_new(f->proc, &vm->target, &vm->view);
	job->walk = vm->target.level > KVMLENS_BASIC && mono_ns() >= vm->walk_at;
	err = offload_run(f->offload, &job->job, DEADLINE_MS);
	if (err == -ETIMEDOUT) {
		refusals_add(f->refusals, &vm->target.owner, vm->target.pid, REFUSAL_HANG, 1);
		vm->hung = job;
		return;
	}
	if (!err)
		take_answer(f, vm, job);
	offload_job_unref(&job->job);
}

static gboolean unwanted(gpointer key, gpointer value, gpointer data)
{
	const struct footprint_target *mine = &((struct vm *)value)->target;
	const GArray *wanted = data;

	for (unsigned i = 0; i < wanted->len; i++) {
		const struct footprint_target *t =
			&g_array_index(wanted, struct footprint_target, i);

		if (t->pid == mine->pid)
			return t->start_ns != mine->start_ns;
	}
	return TRUE;
}

/* Under the lock. */
static void take_wanted(struct footprints *f)
{
	g_hash_table_foreach_remove(f->vms, unwanted, f->wanted);
	for (unsigned i = 0; i < f->wanted->len; i++) {
		const struct footprint_target *t =
			&g_array_index(f->wanted, struct footprint_target, i);
		struct vm *vm = g_hash_table_lookup(f->vms, GINT_TO_POINTER(t->pid));

		if (!vm) {
			vm = g_new0(struct vm, 1);
			footprint_init(&vm->view.memory);
			g_hash_table_insert(f->vms, GINT_TO_POINTER(t->pid), vm);
		}
		if (vm->target.level < t->level)
			vm->walk_at = 0;
		vm->target = *t;
	}
	f->changed = false;
}

/* Only this thread adds or removes VMs, so that the list stays good while it is not locked. */
static void round_of_looks(struct footprints *f)
{
	g_autoptr(GPtrArray) vms = NULL;
	GHashTableIter iter;
	gpointer vm_data;
	unsigned hung = 0;

	g_mutex_lock(&f->lock);
	take_wanted(f);
	vms = g_ptr_array_sized_new(g_hash_table_size(f->vms));
	g_hash_table_iter_init(&iter, f->vms);
	while (g_hash_table_iter_next(&iter, NULL, &vm_data))
		g_ptr_array_add(vms, vm_data);
	g_mutex_unlock(&f->lock);
	for (unsigned i = 0; i < vms->len && !g_atomic_int_get(&f->stop); i++) {
		struct vm *vm = vms->pdata[i];

		look(f, vm);
		hung += vm->hung != NULL;
	}
	g_mutex_lock(&f->lock);
	f->hung = hung;
	g_mutex_unlock(&f->lock);
}

/* Until the next round: an interval, or less where VMs have come or gone. False: end. */
static bool wait_round(struct footprints *f)
{
	gint64 until = g_get_monotonic_time() + (gint64)f->interval_ms * 1000;
	bool go_on;

	g_mutex_lock(&f->lock);
	while (!f->stop && !f->changed && g_cond_wait_until(&f->wake, &f->lock, until))
		;
	go_on = !f->stop;
	g_mutex_unlock(&f->lock);
	return go_on;
}

static gpointer run(gpointer data)
{
	do
		round_of_looks(data);
	while (wait_round(data));
	return NULL;
}

struct footprints *footprints_new(const char *proc, unsigned interval_ms, struct refusals *refusals)
{
	struct footprints *f = g_new0(struct footprints, 1);

	f->proc = g_strdup(proc ?: "/proc");
	f->interval_ms = interval_ms;
	f->refusals = refusals;
	f->offload = offload_new("footprint-ask", PARKED_MAX);
	g_mutex_init(&f->lock);
	g_cond_init(&f->wake);
	f->vms = g_hash_table_new_full(NULL, NULL, NULL, vm_free);
	f->wanted = g_array_new(FALSE, TRUE, sizeof(struct footprint_target));
	f->thread = g_thread_try_new("footprint", run, f, NULL);
	if (f->thread)
		return f;
	footprints_free(f);
	return NULL;
}

void footprints_free(struct footprints *f)
{
	if (!f)
		return;
	g_mutex_lock(&f->lock);
	g_atomic_int_set(&f->stop, true);
	g_cond_broadcast(&f->wake);
	g_mutex_unlock(&f->lock);
	if (f->thread)
		g_thread_join(f->thread);
	offload_free(f->offload);
	g_hash_table_unref(f->vms);
	g_array_unref(f->wanted);
	g_mutex_clear(&f->lock);
	g_cond_clear(&f->wake);
	g_free(f->proc);
	g_free(f);
}

void footprints_set(struct footprints *f, const struct footprint_target *targets, size_t n)
{
	size_t size = n * sizeof(*targets);

	g_mutex_lock(&f->lock);
	if (f->wanted->len != n || (n && memcmp(f->wanted->data, targets, size))) {
		g_array_set_size(f->wanted, 0);
		if (n)
			g_array_append_vals(f->wanted, targets, n);
		f->changed = true;
		g_cond_broadcast(&f->wake);
	}
	g_mutex_unlock(&f->lock);
}

bool footprints_get(struct footprints *f, pid_t pid, uint64_t start_ns,
		    struct footprint_view *ret_view)
{
	const struct vm *vm;
	bool found;

	g_mutex_lock(&f->lock);
	vm = g_hash_table_lookup(f->vms, GINT_TO_POINTER(pid));
	found = vm && vm->known && vm->target.start_ns == start_ns;
	if (found)
		*ret_view = vm->view;
	g_mutex_unlock(&f->lock);
	return found;
}

unsigned footprints_hung(struct footprints *f)
{
	unsigned hung;

	g_mutex_lock(&f->lock);
	hung = f->hung;
	g_mutex_unlock(&f->lock);
	return hung;
}
