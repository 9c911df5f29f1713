// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <time.h>
#include "core/account.h"
#include "core/collect.h"
#include "core/guest.h"
#include "core/rates.h"
#include "core/schedstat.h"
#include "vm/exit_reason.h"

/* Both clocks at one instant: every VM of a snapshot is accounted to the same now. */
struct instant {
	uint64_t rq; /* run queue clock, 0: unknown */
	uint64_t mono; /* CLOCK_MONOTONIC, as bpf_ktime_get_ns() */
};

static void free_array(gpointer array)
{
	g_array_unref(array);
}

void collect_init(struct collect *c)
{
	c->found = g_array_new(FALSE, FALSE, sizeof(struct kvm_found));
	c->found_by_tid = g_hash_table_new(NULL, NULL);
	c->waiting = g_array_new(FALSE, FALSE, sizeof(struct sched_waiting));
	c->waiting_by_slot = g_hash_table_new(NULL, NULL);
	c->reasons_by_tid = g_hash_table_new_full(NULL, NULL, NULL, free_array);
	c->labels = vmlabels_new(c->config->tags, c->config->n_tags);
	c->cgroups = cgroup_names_new(NULL);
	c->blame = blame_new(c->labels, c->cgroups);
	c->blame_threads = g_array_new(FALSE, FALSE, sizeof(struct blame_thread));
	c->blame_records = g_array_new(FALSE, FALSE, sizeof(struct sched_blame));
}

void collect_clear(struct collect *c)
{
	g_array_unref(c->found);
	g_hash_table_unref(c->found_by_tid);
	g_array_unref(c->waiting);
	g_hash_table_unref(c->waiting_by_slot);
	g_hash_table_unref(c->reasons_by_tid);
	g_array_unref(c->blame_threads);
	g_array_unref(c->blame_records);
	blame_free(c->blame);
	cgroup_names_free(c->cgroups);
	vmlabels_free(c->labels);
}

static uint64_t mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void add_reason(void *arg, const struct kvm_reason_key *key,
		       const struct kvm_reason_value *value)
{
	GHashTable *by_tid = arg;
	GArray *list = g_hash_table_lookup(by_tid, GUINT_TO_POINTER(key->tid));
	struct collect_reason reason = {key->reason, value->count, value->ns};

	if (!list) {
		list = g_array_new(FALSE, FALSE, sizeof(reason));
		g_hash_table_insert(by_tid, GUINT_TO_POINTER(key->tid), list);
	}
	g_array_append_val(list, reason);
}

void collect_scan(struct collect *c)
{
	unsigned i;

	g_array_set_size(c->found, 0);
	g_array_set_size(c->waiting, 0);
	g_hash_table_remove_all(c->found_by_tid);
	g_hash_table_remove_all(c->waiting_by_slot);
	g_hash_table_remove_all(c->reasons_by_tid);
	if (!c->probe)
		return;
	probe_scan_kvm(c->probe, c->found);
	probe_scan_waiting(c->probe, c->waiting);
	probe_reasons(c->probe, add_reason, c->reasons_by_tid);
	for (i = 0; i < c->found->len; i++) {
		struct kvm_found *f = &g_array_index(c->found, struct kvm_found, i);

		if (f->kind == KVM_FOUND_VCPU && f->tid)
			g_hash_table_insert(c->found_by_tid, GUINT_TO_POINTER(f->tid), f);
	}
	for (i = 0; i < c->waiting->len; i++) {
		struct sched_waiting *w = &g_array_index(c->waiting, struct sched_waiting, i);

		g_hash_table_insert(c->waiting_by_slot, GUINT_TO_POINTER(w->slot), w);
	}
}

static uint64_t queued_since(struct collect *c, uint16_t slot)
{
	struct sched_waiting *w = g_hash_table_lookup(c->waiting_by_slot, GUINT_TO_POINTER(slot));

	return w ? w->since : 0;
}

static void unknown_times(struct cpu_times *t)
{
	memset(t, 0xff, sizeof(*t)); /* ABSENT in every field */
}

static void vcpu_guest_time(struct collect *c, const struct vm_thread *thread,
			    const struct sched_thread *record, const struct instant *now,
			    struct snap_vm *vm, struct snap_vcpu *v)
{
	uint64_t sampled = record->gtime_ns - record->gtime_base;
	struct kvm_vcpu_times times;

	if (c->probe && vm->level >= KVMLENS_DETAILED &&
	    !probe_vcpu_times(c->probe, thread->slot, &times) &&
	    times.tid == (uint32_t)thread->tid) {
		if (!times.base_ns) {
			times.base_ns =
				1 + (sampled > times.guest_ns ? sampled - times.guest_ns : 0);
			probe_vcpu_base(c->probe, thread->slot, times.base_ns);
		}
		account_guest(&v->time, &times, now->mono);
		account_hist(&v->exit_hist, times.exit_hist, KVM_HIST_SHIFT, times.exit_ns);
		v->irq_injected = times.irq_injected;
		return;
	}
	vm->guest_time_sampled = true;
	account_sampled_guest(&v->time, sampled);
}

/* The thread's waits as they stand, and who is charged with them. */
static void note_blame(struct collect *c, const struct sched_thread *record)
{
	struct blame_thread thread = {.slot = record->slot,
				      .tid = record->tid,
				      .ready_ns = record->wake_ns + record->preempt_ns};
	struct sched_blame charged;

	if (!c->probe || probe_blame(c->probe, record->slot, &charged) ||
	    charged.tid != record->tid)
		charged.tid = 0;
	g_array_append_val(c->blame_records, charged);
	g_array_append_val(c->blame_threads, thread);
}

static void vcpu_kernel(struct collect *c, const struct vm_thread *thread,
			const struct instant *now, struct snap_vm *vm, struct snap_vcpu *v)
{
	struct sched_thread record;
	int err = threads_read(c->threads, thread->slot, &record);

	if (err || record.tid != (uint32_t)thread->tid) {
		c->torn += err == -EAGAIN;
		return;
	}
	note_blame(c, &record);
	account_thread(&record, now->rq, queued_since(c, thread->slot), &v->time);
	account_hist(&v->wake_hist, record.wake_hist, SCHED_HIST_SHIFT, record.wake_ns);
	account_hist(&v->preempt_hist, record.preempt_hist, SCHED_HIST_SHIFT, record.preempt_ns);
	if (!vm->ident->tcg)
		vcpu_guest_time(c, thread, &record, now, vm, v);
	v->state = record.state;
	v->cpu = record.cpu;
	v->switches = record.switches;
	v->preempts = record.preempts;
	v->migrations = record.migrations;
}

static void vcpu_init(struct snap_vcpu *v, const struct vm_thread *thread)
{
	v->vcpu_id = thread->vcpu_id;
	v->tid = thread->tid;
	v->switches = v->preempts = v->migrations = v->irq_injected = ABSENT;
	unknown_times(&v->time);
	memset(v->kvm, 0xff, sizeof(v->kvm));
}

static void fill_vcpu(struct collect *c, const struct vm_thread *thread, const struct instant *now,
		      struct snap_vm *vm, struct snap_vcpu *v)
{
	struct kvm_found *found;

	vcpu_init(v, thread);
	v->labels = vmlabels_vcpu(c->labels, vm->ident, thread->vcpu_id);
	if (thread->slot && c->threads)
		vcpu_kernel(c, thread, now, vm, v);
	else
		schedstat_read("/proc", vm->ident->pid, thread->tid, &v->time, &v->switches);
	found = g_hash_table_lookup(c->found_by_tid, GUINT_TO_POINTER(thread->tid));
	if (found)
		memcpy(v->kvm, found->stat, sizeof(v->kvm));
}

static void add_count(uint64_t *sum, uint64_t value)
{
	*sum = *sum == ABSENT || value == ABSENT ? ABSENT : *sum + value;
}

static void add_vcpu(struct snap_vm *vm, const struct snap_vcpu *v)
{
	unsigned i;

	account_add(&vm->time, &v->time);
	add_count(&vm->switches, v->switches);
	add_count(&vm->preempts, v->preempts);
	add_count(&vm->migrations, v->migrations);
	add_count(&vm->irq_injected, v->irq_injected);
	account_hist_add(&vm->wake_hist, &v->wake_hist);
	account_hist_add(&vm->preempt_hist, &v->preempt_hist);
	account_hist_add(&vm->exit_hist, &v->exit_hist);
	for (i = 0; i < KVM_STAT_MAX; i++)
		add_count(&vm->kvm[i], v->kvm[i]);
}

static void fill_blame(struct collect *c, struct snap_vm *vm, uint64_t retired_ns)
{
	struct blame_thread *threads = (struct blame_thread *)c->blame_threads->data;
	unsigned i, n = c->blame_threads->len;

	for (i = 0; i < n; i++) {
		struct sched_blame *charged =
			&g_array_index(c->blame_records, struct sched_blame, i);

		threads[i].charged = charged->tid ? charged : NULL;
	}
	if (n && c->probe && probe_features(c->probe)->f[FEATURE_BLAME].state == FEATURE_YES)
		blame_vm(c->blame, threads, n, retired_ns, vm);
}

/* What vCPUs that were unplugged had used stays in the VM's totals. */
/* Returns their ready time. */
static uint64_t add_retired(struct collect *c, struct snap_vm *vm)
{
	struct threads *threads = c->threads;
	uint16_t slot = threads ? threads_retired(threads, vm->ident->pid, SCHED_ROLE_VCPU) : 0;
	struct sched_thread r;
	struct cpu_times times;
	struct hist hist = {};

	if (!slot || threads_read(threads, slot, &r))
		return 0;
	account_thread(&r, 0, 0, &times);
	if (!vm->ident->tcg)
		account_sampled_guest(&times, r.gtime_ns - r.gtime_base);
	account_add(&vm->time, &times);
	add_count(&vm->switches, r.switches);
	add_count(&vm->preempts, r.preempts);
	add_count(&vm->migrations, r.migrations);
	account_hist(&hist, r.wake_hist, SCHED_HIST_SHIFT, r.wake_ns);
	account_hist_add(&vm->wake_hist, &hist);
	account_hist(&hist, r.preempt_hist, SCHED_HIST_SHIFT, r.preempt_ns);
	account_hist_add(&vm->preempt_hist, &hist);
	return times.ready;
}

static void no_vcpus(struct snap_vm *vm)
{
	unknown_times(&vm->time);
	vm->switches = vm->preempts = vm->migrations = vm->irq_injected = ABSENT;
	memset(vm->kvm, 0xff, sizeof(vm->kvm));
}

static void fill_vcpus(struct collect *c, const struct inventory_vm *iv, const struct instant *now,
		       struct snap_vm *vm)
{
	unsigned i, n = 0;

	g_array_set_size(c->blame_threads, 0);
	g_array_set_size(c->blame_records, 0);
	entities_alloc(&vm->cpus, iv->n_vcpus, sizeof(struct snap_vcpu));
	for (i = 0; i < iv->n_threads && n < iv->n_vcpus; i++) {
		struct snap_vcpu *v;

		if (iv->threads[i].role != SCHED_ROLE_VCPU)
			continue;
		v = entities_at(&vm->cpus, n++);
		fill_vcpu(c, &iv->threads[i], now, vm, v);
		add_vcpu(vm, v);
	}
	vm->vcpus = iv->n_vcpus;
	if (n)
		fill_blame(c, vm, add_retired(c, vm));
	else
		no_vcpus(vm);
}

struct role_sum {
	uint64_t threads, run, ready;
};

static void add_role(struct collect *c, uint16_t slot, const struct instant *now, uint64_t threads,
		     struct role_sum *sum)
{
	struct sched_thread r;
	struct cpu_times t;

	if (!slot || !c->threads || threads_read(c->threads, slot, &r))
		return;
	account_thread(&r, now->rq, queued_since(c, slot), &t);
	sum->threads += threads;
	sum->run += t.run;
	sum->ready += t.ready;
}

static const char *const role_names[SCHED_ROLE_MAX] = {
	[SCHED_ROLE_EMULATOR] = "emulator",
	[SCHED_ROLE_IOTHREAD] = "iothread",
	[SCHED_ROLE_VHOST] = "vhost",
};

static void fill_roles(struct collect *c, const struct inventory_vm *iv, const struct instant *now,
		       struct snap_vm *vm)
{
	struct role_sum sums[SCHED_ROLE_MAX] = {};
	unsigned i, role, n = 0;

	for (i = 0; i < iv->n_threads; i++)
		if (iv->threads[i].role < SCHED_ROLE_MAX)
			add_role(c, iv->threads[i].slot, now, 1, &sums[iv->threads[i].role]);
	for (role = 0; role < SCHED_ROLE_MAX; role++) {
		if (!role_names[role] || !c->threads)
			continue;
		add_role(c, threads_retired(c->threads, vm->ident->pid, role), now, 0, &sums[role]);
		n += sums[role].run || sums[role].threads;
	}
	entities_alloc(&vm->roles, n, sizeof(struct snap_role));
	for (role = 0, i = 0; role < SCHED_ROLE_MAX && i < n; role++) {
		struct snap_role *r = entities_at(&vm->roles, i);

		if (!role_names[role] || (!sums[role].run && !sums[role].threads))
			continue;
		r->labels = vmlabels_part(c->labels, vm->ident, "role", role_names[role]);
		r->threads = sums[role].threads;
		r->run = sums[role].run;
		r->ready = sums[role].ready;
		i++;
	}
}

static void merge_reasons(GArray *sum, GArray *list)
{
	unsigned i, j;

	for (i = 0; list && i < list->len; i++) {
		struct collect_reason *r = &g_array_index(list, struct collect_reason, i);

		for (j = 0; j < sum->len; j++)
			if (g_array_index(sum, struct collect_reason, j).reason == r->reason)
				break;
		if (j == sum->len) {
			g_array_append_val(sum, *r);
			continue;
		}
		g_array_index(sum, struct collect_reason, j).count += r->count;
		g_array_index(sum, struct collect_reason, j).ns += r->ns;
	}
}

static void fill_exits(struct collect *c, struct snap_vm *vm)
{
	g_autoptr(GArray) sum = g_array_new(FALSE, FALSE, sizeof(struct collect_reason));
	char name[32];
	unsigned i;

	if (vm->level < KVMLENS_DIAGNOSTIC)
		return;
	for (i = 0; i < vm->cpus.n; i++) {
		struct snap_vcpu *v = entities_at(&vm->cpus, i);

		merge_reasons(sum, g_hash_table_lookup(c->reasons_by_tid, GINT_TO_POINTER(v->tid)));
	}
	entities_alloc(&vm->exits, sum->len, sizeof(struct snap_exit));
	for (i = 0; i < sum->len; i++) {
		struct collect_reason *r = &g_array_index(sum, struct collect_reason, i);
		struct snap_exit *e = entities_at(&vm->exits, i);

		exit_reason_name(exit_reason_isa(), r->reason, name, sizeof(name));
		e->labels = vmlabels_part(c->labels, vm->ident, "reason", name);
		e->count = r->count;
		e->ns = r->ns;
	}
}

static bool is_tracked(const struct inventory_vm *iv)
{
	return iv->n_threads && iv->threads[0].slot;
}

static void fill_source(struct collect *c, struct snap_vm *vm, size_t i, const char *name, bool up,
			double age)
{
	struct snap_source *s = entities_at(&vm->sources, i);

	s->labels = vmlabels_part(c->labels, vm->ident, "source", name);
	s->up = up;
	s->age = age;
}

/* Call after the VM's guest view was taken. */
static void fill_guest_source(struct collect *c, uint64_t mono, struct snap_vm *vm, size_t i)
{
	const struct guest_view *view = vm->guest.view;
	struct snap_source *s = entities_at(&vm->sources, i);

	fill_source(c, vm, i, "guest_memory", view != NULL,
		    view && mono > view->mono_ns ? (double)(mono - view->mono_ns) / 1e9
		    : view			 ? 0
						 : NAN);
	guests_why(c->guests, vm->ident, s->why, sizeof(s->why));
}

/* The kernel's records are read at this very tick; a provider's word is as old as its answer. */
static void fill_sources(struct collect *c, const struct inventory_vm *iv, uint64_t mono,
			 struct snap_vm *vm)
{
	bool guest = guests_wants(c->guests, vm->ident);
	struct worker_health health = {};
	size_t i, n = 1;

	for (i = 0; i < c->n_workers && iv->provider; i++)
		if (!strcmp(worker_name(c->workers[i]), iv->provider))
			break;
	if (iv->provider && i < c->n_workers) {
		worker_health(c->workers[i], &health);
		n = 2;
	}
	entities_alloc(&vm->sources, n + guest, sizeof(struct snap_source));
	if (guest)
		fill_guest_source(c, mono, vm, n);
	fill_source(c, vm, 0, "kernel", is_tracked(iv), is_tracked(iv) ? 0 : NAN);
	if (n == 2)
		fill_source(c, vm, 1, iv->provider, health.up,
			    health.list_ns && mono > health.list_ns
				    ? (double)(mono - health.list_ns) / 1e9
				    : NAN);
}

static void fill_info(struct collect *c, const struct inventory_vm *iv, struct snap_vm *vm)
{
	struct snap_info *info;

	entities_alloc(&vm->info, 1, sizeof(*info));
	info = entities_at(&vm->info, 0);
	info->labels = vmlabels_info(c->labels, iv);
	info->one = 1;
}

/* Clocks are aligned anew each tick, to within microseconds: what goes on may seem to shrink. */
static void keep_counters(struct snap_vm *vm, const struct kvmlens_snapshot *before)
{
	const struct snap_vm *old = before ? rates_find_vm(before, vm) : NULL;
	size_t i;

	if (!old)
		return;
	account_keep(&vm->time, &old->time);
	for (i = 0; i < vm->cpus.n; i++) {
		struct snap_vcpu *v = entities_at(&vm->cpus, i);
		const struct snap_vcpu *was = rates_find_vcpu(old, v);

		if (was)
			account_keep(&v->time, &was->time);
	}
}

static enum kvmlens_level level_of(struct collect *c, const struct vm_ident *ident)
{
	enum kvmlens_level own = config_level_for(c->config, ident->name, ident->uuid);

	return own == c->config->level ? c->level : own;
}

static void fill_guest(struct collect *c, const struct kvmlens_snapshot *before, struct snap_vm *vm)
{
	g_autoptr(guest_view) view = guests_view(c->guests, vm->ident);

	guest_fill(vm, view && before ? rates_find_vm(before, vm) : NULL, view);
}

static void fill_vm(struct collect *c, const struct inventory_vm *iv, const struct instant *now,
		    const struct kvmlens_snapshot *before, struct snap_vm *vm)
{
	vm->ident = vm_ident_ref(iv->ident);
	vm->labels = labels_ref(iv->ident->labels);
	vm->state = iv->state;
	vm->level = level_of(c, iv->ident);
	vm->up = iv->ident->pid > 0;
	vm->mono_ns = now->mono;
	fill_vcpus(c, iv, now, vm);
	fill_roles(c, iv, now, vm);
	fill_exits(c, vm);
	fill_guest(c, before, vm);
	fill_sources(c, iv, now->mono, vm);
	fill_info(c, iv, vm);
}

void collect_vms(struct collect *c, const struct inventory *inventory,
		 struct kvmlens_snapshot *snapshot, const struct kvmlens_snapshot *before)
{
	struct instant now;
	unsigned i;

	vmlabels_begin(c->labels);
	blame_begin(c->blame, inventory);
	now.mono = mono_ns();
	now.rq = rqclock_at(&c->clock, mono_raw_ns());
	snapshot->mono_ns = now.mono;
	if (!inventory)
		return;
	guests_set(c->guests, inventory);
	entities_alloc(&snapshot->vms, inventory->n_vms, sizeof(struct snap_vm));
	for (i = 0; i < inventory->n_vms; i++)
		fill_vm(c, &inventory->vms[i], &now, before, entities_at(&snapshot->vms, i));
	for (i = 0; i < snapshot->vms.n; i++)
		keep_counters(entities_at(&snapshot->vms, i), before);
}
