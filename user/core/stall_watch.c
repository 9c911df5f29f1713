// SPDX-License-Identifier: Apache-2.0
#include "core/stall_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>
#include "core/stall_vm.h"

/* Looks at the records within the time of a stall: how late its end can be seen. */
#define ROUNDS 4
#define ROUND_MIN_US 5000
#define ROUND_MAX_US 250000
#define LOOK_NS 2000000 /* for looks into /proc in one round */
/* A walk over all threads of the host may take one part of so many of the time. */
#define WALK_SHARE 1000
#define YOUNG_NS 10000000000ull /* a VMM that may still be setting its VM up */

struct stall_watch {
	struct stall_watch_config config;
	struct threads *threads;
	struct cgroup_names *cgroups;
	struct stall_roots roots;
	GArray *waiting; /* struct sched_waiting, as of the last walk */
	GHashTable *queued; /* slot to one of them */
	uint64_t walk_at; /* CLOCK_MONOTONIC_RAW of the next walk */
	unsigned round;
	unsigned unsaved; /* VMs whose counters could not be stored in this round */
	struct carry *carry; /* NULL: nothing outlives this process */
	GThread *thread;
	GMutex lock; /* guards what follows, and every stall_vm.memory */
	GCond wake;
	bool stop;
	struct rqclock clock;
	GHashTable *vms; /* pid to struct stall_vm */
	uint64_t missed, cpu_ns;
};

static void free_vm(gpointer vm)
{
	stall_vm_free(vm);
}

/* Woken vCPUs that wait: the kernel tells of them by a walk over all its threads. */
static void find_waiting(struct stall_watch *w, uint64_t now, uint64_t mono)
{
	if (mono < w->walk_at)
		return;
	g_array_set_size(w->waiting, 0);
	g_hash_table_remove_all(w->queued);
	probe_scan_waiting(w->config.probe, now, w->waiting);
	for (guint i = 0; i < w->waiting->len; i++) {
		struct sched_waiting *s = &g_array_index(w->waiting, struct sched_waiting, i);

		g_hash_table_insert(w->queued, GUINT_TO_POINTER(s->slot), s);
	}
	w->walk_at =
		mono + MAX(w->config.stall_ms * 1000000ull, WALK_SHARE * (mono_raw_ns() - mono));
}

static bool read_record(struct stall_watch *w, const struct vm_thread *thread,
			struct stall_vcpu *ret_vcpu)
{
	const struct sched_waiting *waiting = NULL;
	struct sched_thread r;

	if (!thread->slot || threads_peek(w->threads, thread->slot, &r) ||
	    r.tid != (uint32_t)thread->tid)
		return false;
	if (w->waiting->len)
		waiting = g_hash_table_lookup(w->queued, GUINT_TO_POINTER(thread->slot));
	*ret_vcpu = (struct stall_vcpu){
		.state = r.state,
		.since = r.since,
		.run_ns = r.run_ns,
		.switches = r.switches,
	};
	if (waiting && waiting->tid == r.tid && waiting->since > r.since)
		ret_vcpu->queued = waiting->since;
	return true;
}

/*
 * False: not every vCPU's record could be read. Of a VM that nothing has been held against, and of
 * which one vCPU runs, the others do not matter.
 */
static bool read_vm(struct stall_watch *w, const struct inventory_vm *iv, struct stall_vm *x)
{
	bool runs = false;

	g_array_set_size(x->now, 0);
	for (unsigned i = 0; i < iv->n_threads; i++) {
		const struct vm_thread *t = &iv->threads[i];
		struct stall_seen seen = {.tid = t->tid, .slot = t->slot};

		if (t->role == SCHED_ROLE_VCPU) {
			if (runs)
				continue;
			if (!read_record(w, t, &seen.vcpu))
				return false;
			g_array_append_val(x->now, seen);
			runs = !x->since && seen.vcpu.state == SCHED_STATE_RUNNING;
		} else if (t->tid == iv->ident->pid) {
			x->has_main = read_record(w, t, &x->main_now);
		}
	}
	return x->now->len > 0;
}

static struct stall_vm *vm_of(struct stall_watch *w, struct vm_ident *ident)
{
	struct stall_vm *x = g_hash_table_lookup(w->vms, GINT_TO_POINTER(ident->pid));
	struct carry_stalls carried;

	if (x && x->ident->start_ns == ident->start_ns)
		return x;
	if (x)
		carry_forget(w->carry, x->ident->pid, x->ident->start_ns);
	x = stall_vm_new(ident);
	if (!carry_load(w->carry, ident->pid, ident->start_ns, &carried))
		stall_vm_restore(x, &carried);
	g_mutex_lock(&w->lock);
	g_hash_table_replace(w->vms, GINT_TO_POINTER(ident->pid), x);
	g_mutex_unlock(&w->lock);
	return x;
}

/* Under the tracker's lock, so that slots are those of this inventory. */
static bool still(void *arg, const struct stall_vm *x)
{
	struct stall_watch *w = arg;
	bool same = true;

	tracker_lock(w->config.tracker);
	for (guint i = 0; same && i < x->now->len; i++) {
		const struct stall_seen *seen = &g_array_index(x->now, struct stall_seen, i);
		struct sched_thread r;

		same = !threads_peek(w->threads, seen->slot, &r) && r.tid == (uint32_t)seen->tid &&
		       r.switches == seen->vcpu.switches && r.state != SCHED_STATE_RUNNING;
	}
	tracker_unlock(w->config.tracker);
	return same;
}

static bool is_young(const struct vm_ident *ident)
{
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	return now < ident->start_ns + YOUNG_NS;
}

/* A crash loses nothing: what was counted is stored as it is counted. */
static void carry_on(struct stall_watch *w, struct stall_vm *x)
{
	struct carry_stalls stalls;

	if (stall_vm_carry(x, &stalls) &&
	    carry_store(w->carry, x->ident->pid, x->ident->start_ns, &stalls))
		w->unsaved++;
}

static void judge_all(struct stall_watch *w, const struct inventory *inventory,
		      struct stall_vm **vms, struct stall_round *round)
{
	unsigned n = inventory->n_vms;

	/* Another one first each time: what finds no time is not always the same. */
	for (unsigned i = 0; i < n; i++) {
		unsigned k = (i + w->round) % n;

		if (!vms[k])
			continue;
		vms[k]->young = is_young(vms[k]->ident);
		stall_vm_judge(vms[k], &inventory->vms[k], round);
		carry_on(w, vms[k]);
	}
}

static gboolean is_gone(gpointer pid, gpointer vm, gpointer watch)
{
	const struct stall_watch *w = watch;
	const struct stall_vm *x = vm;

	if (x->round == w->round)
		return FALSE;
	carry_forget(w->carry, x->ident->pid, x->ident->start_ns);
	return TRUE;
}

static void look_round(struct stall_watch *w, struct stall_round *round)
{
	struct inventory *inventory;
	g_autofree struct stall_vm **vms = NULL;

	tracker_lock(w->config.tracker);
	inventory = discover_inventory(w->config.discover);
	vms = g_new0(struct stall_vm *, inventory ? inventory->n_vms + 1 : 1);
	for (unsigned i = 0; inventory && i < inventory->n_vms; i++) {
		struct stall_vm *x;

		if (inventory->vms[i].ident->pid <= 0)
			continue;
		x = vm_of(w, inventory->vms[i].ident);
		if (x->round == w->round)
			continue; /* a VMM with several VMs is judged by the first */
		x->round = w->round;
		vms[i] = read_vm(w, &inventory->vms[i], x) ? x : NULL;
	}
	tracker_unlock(w->config.tracker);
	if (inventory && inventory->n_vms)
		judge_all(w, inventory, vms, round);
	inventory_unref(inventory);
}

static void one_round(struct stall_watch *w)
{
	uint64_t mono = mono_raw_ns();
	struct stall_round round = {
		.roots = &w->roots,
		.lock = &w->lock,
		.stall_ns = w->config.stall_ms * 1000000ull,
		.wall_ns = (uint64_t)g_get_real_time() * 1000,
		.deadline_ns = mono + LOOK_NS,
		.still = still,
		.arg = w,
	};
	struct timespec cpu;

	g_mutex_lock(&w->lock);
	round.now = rqclock_at(&w->clock, mono);
	g_mutex_unlock(&w->lock);
	if (!round.now)
		return;
	w->round++;
	find_waiting(w, round.now, mono);
	look_round(w, &round);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	g_mutex_lock(&w->lock);
	g_hash_table_foreach_remove(w->vms, is_gone, w);
	w->missed += round.missed + w->unsaved;
	w->unsaved = 0;
	w->cpu_ns = (uint64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec;
	g_mutex_unlock(&w->lock);
}

static gpointer run(gpointer data)
{
	struct stall_watch *w = data;
	gint64 step = CLAMP(w->config.stall_ms * 1000 / ROUNDS, ROUND_MIN_US, ROUND_MAX_US);
	bool stop = false;

	while (!stop) {
		gint64 next = g_get_monotonic_time() + step;

		one_round(w);
		g_mutex_lock(&w->lock);
		while (!w->stop && g_cond_wait_until(&w->wake, &w->lock, next))
			;
		stop = w->stop;
		g_mutex_unlock(&w->lock);
	}
	return NULL;
}

int stall_watch_start(const struct stall_watch_config *config, struct stall_watch **ret_watch)
{
	struct threads *threads = probe_threads(config->probe);
	struct stall_watch *w;
	int err;

	*ret_watch = NULL;
	if (!threads || !config->stall_ms)
		return 0;
	w = g_new0(struct stall_watch, 1);
	w->config = *config;
	w->threads = threads;
	w->carry = probe_carry(config->probe);
	w->cgroups = cgroup_names_new(NULL);
	w->roots.proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = w->roots.proc < 0 ? -errno : 0;
	for (int i = 0; i < CGROUP_TREES; i++)
		w->roots.cgroup[i] = cgroup_mount(w->cgroups, i);
	w->waiting = g_array_new(FALSE, FALSE, sizeof(struct sched_waiting));
	w->queued = g_hash_table_new(NULL, NULL);
	w->vms = g_hash_table_new_full(NULL, NULL, NULL, free_vm);
	g_mutex_init(&w->lock);
	g_cond_init(&w->wake);
	if (!err)
		w->thread = g_thread_try_new("stalls", run, w, NULL);
	if (!w->thread) {
		stall_watch_stop(w);
		return err ?: -EAGAIN;
	}
	*ret_watch = w;
	return 0;
}

void stall_watch_stop(struct stall_watch *w)
{
	if (!w)
		return;
	g_mutex_lock(&w->lock);
	w->stop = true;
	g_cond_broadcast(&w->wake);
	g_mutex_unlock(&w->lock);
	if (w->thread)
		g_thread_join(w->thread);
	g_hash_table_unref(w->vms);
	g_hash_table_unref(w->queued);
	g_array_unref(w->waiting);
	cgroup_names_free(w->cgroups);
	if (w->roots.proc >= 0)
		close(w->roots.proc);
	g_mutex_clear(&w->lock);
	g_cond_clear(&w->wake);
	g_free(w);
}

void stall_watch_sync(struct stall_watch *w, const struct rqclock *clock)
{
	if (!w)
		return;
	g_mutex_lock(&w->lock);
	w->clock = *clock;
	g_mutex_unlock(&w->lock);
}

/* All of them, for a counter that begins with its first event has no rate. */
static void fill_causes(const struct stall_memory *memory, struct snap_vm *vm)
{
	if (vm->level < KVMLENS_DETAILED)
		return;
	entities_alloc(&vm->stalls, STALL_CAUSES - 2, sizeof(struct snap_stall));
	for (unsigned i = 1, n = 0; i < STALL_CAUSES; i++)
		if (i != STALL_PAUSED) /* which is no stall */
			*(struct snap_stall *)entities_at(&vm->stalls, n++) = (struct snap_stall){
				labels_new_one(vm->labels, "cause", stall_cause_name(i)),
				memory->count[i], memory->ns[i]};
}

static void fill_events(const struct stall_memory *memory, struct snap_vm *vm)
{
	entities_alloc(&vm->stall_events, memory->n_events, sizeof(struct snap_stall_event));
	for (unsigned i = 0; i < memory->n_events; i++) {
		const struct stall_event *from = &memory->events[i];
		struct snap_stall_event *e = entities_at(&vm->stall_events, i);
		char n[8];

		g_snprintf(n, sizeof(n), "%u", i);
		e->labels = labels_new(vm->labels,
				       (struct kvmlens_tag[]){
					       {"n", n},
					       {"cause", stall_cause_name(from->cause)},
				       },
				       2);
		e->cause = from->cause;
		e->active = from->active;
		e->began = (double)from->began_ns / 1e9;
		e->seconds = (double)from->ns / 1e9;
		g_strlcpy(e->note, from->note, sizeof(e->note));
	}
}

void stall_watch_fill(struct stall_watch *w, struct snap_vm *vm)
{
	struct stall_memory memory;
	const struct stall_vm *x = NULL;

	vm->stall = (struct stall_totals){ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT};
	if (!w)
		return;
	g_mutex_lock(&w->lock);
	x = g_hash_table_lookup(w->vms, GINT_TO_POINTER(vm->ident->pid));
	if (x && x->ident->start_ns == vm->ident->start_ns)
		memory = x->memory;
	else
		x = NULL;
	g_mutex_unlock(&w->lock);
	if (!x)
		return;
	stall_totals(&memory, &vm->stall);
	if (memory.paused && vm->state == KVMLENS_VM_UNKNOWN)
		vm->state = KVMLENS_VM_PAUSED;
	if (vm->stall.active == 1 && vm->stall.last_cause == STALL_SIGSTOP)
		vm->pause = KVMLENS_PAUSE_STOPPED;
	else if (vm->state == KVMLENS_VM_PAUSED && vm->pause == KVMLENS_PAUSE_NONE)
		vm->pause = KVMLENS_PAUSE_OTHER;
	fill_causes(&memory, vm);
	fill_events(&memory, vm);
}

uint64_t stall_watch_cpu_ns(struct stall_watch *w)
{
	uint64_t ns = 0;

	if (!w)
		return ABSENT;
	g_mutex_lock(&w->lock);
	ns = w->cpu_ns;
	g_mutex_unlock(&w->lock);
	return ns;
}

uint64_t stall_watch_missed(struct stall_watch *w)
{
	uint64_t missed = 0;

	if (!w)
		return 0;
	g_mutex_lock(&w->lock);
	missed = w->missed;
	g_mutex_unlock(&w->lock);
	return missed;
}
