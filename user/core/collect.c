// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "core/account.h"
#include "core/balloon.h"
#include "core/collect.h"
#include "core/disks.h"
#include "core/guest.h"
#include "core/host_memory.h"
#include "core/rates.h"
#include "core/vcpus.h"
#include "util/clock.h"
#include "vm/departed.h"
#include "vm/exit_reason.h"

void collect_init(struct collect *c)
{
	scan_init(&c->scan);
	c->labels = vmlabels_new(c->config->tags, c->config->n_tags);
	c->cgroups = cgroup_names_new(NULL);
	c->devices = devices_new(c->probe);
	if (c->config->groups & (KVMLENS_MEMORY | KVMLENS_DISK | KVMLENS_IOPS))
		for (size_t i = 0; i < G_N_ELEMENTS(c->footprints); i++)
			c->footprints[i] =
				footprints_new(NULL, c->config->interval_ms, c->refusals);
	c->blame = blame_new(c->labels, c->cgroups);
	c->blame_threads = g_array_new(FALSE, FALSE, sizeof(struct blame_thread));
}

void collect_clear(struct collect *c)
{
	scan_clear(&c->scan);
	records_clear(&c->records);
	g_array_unref(c->blame_threads);
	blame_free(c->blame);
	for (size_t i = 0; i < G_N_ELEMENTS(c->footprints); i++)
		footprints_free(c->footprints[i]);
	devices_free(c->devices);
	cgroup_names_free(c->cgroups);
	vmlabels_free(c->labels);
}

struct role_sum {
	uint64_t threads, run, ready;
};

static void add_role(struct collect *c, const struct sched_thread *r, const struct instant *now,
		     uint64_t threads, struct role_sum *sum)
{
	struct cpu_times t;

	account_thread(r, now->rq, scan_queued_since(&c->scan, r->slot), &t);
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
	struct sched_thread gone;
	uint16_t slot;

	for (i = 0; i < iv->n_threads; i++) {
		const struct sched_thread *r = records_thread(&c->records, iv->threads[i].slot);

		if (r && iv->threads[i].role < SCHED_ROLE_MAX)
			add_role(c, r, now, 1, &sums[iv->threads[i].role]);
	}
	for (role = 0; role < SCHED_ROLE_MAX; role++) {
		if (!role_names[role] || !c->threads)
			continue;
		slot = threads_retired(c->threads, vm->ident->pid, role);
		if (slot && !threads_read(c->threads, slot, &gone))
			add_role(c, &gone, now, 0, &sums[role]);
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
		struct scan_reason *r = &g_array_index(list, struct scan_reason, i);

		for (j = 0; j < sum->len; j++)
			if (g_array_index(sum, struct scan_reason, j).reason == r->reason)
				break;
		if (j == sum->len) {
			g_array_append_val(sum, *r);
			continue;
		}
		g_array_index(sum, struct scan_reason, j).count += r->count;
		g_array_index(sum, struct scan_reason, j).ns += r->ns;
	}
}

static void fill_exits(struct collect *c, struct snap_vm *vm)
{
	g_autoptr(GArray) sum = g_array_new(FALSE, FALSE, sizeof(struct scan_reason));
	char name[32];
	unsigned i;

	if (vm->level < KVMLENS_DIAGNOSTIC)
		return;
	for (i = 0; i < vm->cpus.n; i++) {
		struct snap_vcpu *v = entities_at(&vm->cpus, i);

		merge_reasons(sum,
			      g_hash_table_lookup(c->scan.reasons_by_tid, GINT_TO_POINTER(v->tid)));
	}
	entities_alloc(&vm->exits, sum->len, sizeof(struct snap_exit));
	for (i = 0; i < sum->len; i++) {
		struct scan_reason *r = &g_array_index(sum, struct scan_reason, i);
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
	g_autoptr(guest_view) view = guests_view(c->guests, vm->ident);
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
	bool agent = guest_agents_wants(c->agents, vm->ident);
	bool balloon = vm->balloon.update_s != ABSENT;
	bool footprint = c->footprints[vm->ident->owner.ordinary] && vm->ident->pid > 0;
	bool gap = vm->disks_silent;
	struct worker_health health = {};
	size_t i, n = 1;

	for (i = 0; i < c->n_workers && iv->provider; i++)
		if (!strcmp(worker_name(c->workers[i]), iv->provider))
			break;
	if (iv->provider && i < c->n_workers) {
		worker_health(c->workers[i], &health);
		n = 2;
	}
	entities_alloc(&vm->sources, n + guest + agent + balloon + footprint + gap,
		       sizeof(struct snap_source));
	if (guest)
		fill_guest_source(c, mono, vm, n);
	if (agent)
		guest_agents_source(c->agents, c->labels, mono, vm->ident,
				    entities_at(&vm->sources, n + guest));
	if (balloon)
		fill_source(c, vm, n + guest + agent, BALLOON_SOURCE, vm->balloon.fresh,
			    vm->balloon.age);
	if (footprint)
		fill_source(c, vm, n + guest + agent + balloon, "host_memory", c->footprint_ns != 0,
			    c->footprint_ns
				    ? (double)(MAX(mono, c->footprint_ns) - c->footprint_ns) / 1e9
				    : NAN);
	if (gap)
		fill_source(c, vm, n + guest + agent + balloon + footprint, "disk_statistics",
			    false, NAN);
	fill_source(c, vm, 0, "kernel", is_tracked(iv), is_tracked(iv) ? 0 : NAN);
	if (n == 2)
		fill_source(c, vm, 1, iv->provider, health.up,
			    health.list_ns && mono > health.list_ns
				    ? (double)(mono - health.list_ns) / 1e9
				    : NAN);
}

/* Nobody in a paused guest can answer: that it does not is no news. */
static void forget_paused(struct snap_vm *vm)
{
	for (size_t i = 0; vm->state == KVMLENS_VM_PAUSED && i < vm->sources.n; i++) {
		struct snap_source *source = entities_at(&vm->sources, i);

		if (!g_str_has_prefix(labels_get(source->labels, "source") ?: "", "guest_"))
			continue;
		source->up = ABSENT;
		source->age = NAN;
	}
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

/* The balloon's last word, where no better source answers. */
static struct guest_view *ask_balloon(struct collect *c, const struct inventory_vm *iv,
				      uint64_t mono, const struct snap_vm *was, struct snap_vm *vm)
{
	struct balloon_now now = {g_get_real_time() / G_USEC_PER_SEC, mono,
				  (uint64_t)c->interval_ms * 1000000};
	uint64_t read_ns = 0;
	const struct kvmlens_vm_stats *stats = latest_stats(&c->latest, iv, &read_ns);

	balloon_fill(stats ? &stats->memory : NULL, read_ns, &now, was, vm);
	return balloon_view(stats ? &stats->memory : NULL, &now, was, vm);
}

static void fill_guest(struct collect *c, const struct inventory_vm *iv, uint64_t mono,
		       const struct kvmlens_snapshot *before, const struct ga_result *said,
		       struct snap_vm *vm)
{
	const struct snap_vm *was = before ? rates_find_vm(before, vm) : NULL;
	g_autoptr(guest_view) view = guests_view(c->guests, vm->ident);
	g_autoptr(guest_view) balloon = ask_balloon(c, iv, mono, was, vm);

	if (!view && said && said->view)
		view = guest_view_ref(said->view);
	guest_fill(vm, was, view ?: balloon);
	if (vm->guest.view)
		vm->beyond[LEFT_OUT_GUEST_CPUS] = vm->guest.view->cpus_left_out;
}

/* Statistics older than that are none any more: the provider hangs, or the VM does. */
static uint64_t oldest_stats(const struct collect *c, uint64_t mono)
{
	uint64_t age =
		3 * (uint64_t)MAX(c->interval_ms, c->config->interval_ms) * 1000000 + 5000000000ull;

	return mono > age ? mono - age : 0;
}

/* Does a provider count the VM's disks, or may one yet that has not answered at all? */
static bool disks_provided(const struct collect *c, const struct snap_vm *vm)
{
	const char *proc = kvmlens_provider_proc.name;

	if (vm->provider && strcmp(vm->provider, proc))
		return true;
	for (size_t i = 0; i < c->n_workers; i++) {
		struct worker_health health = {};

		if (!strcmp(worker_name(c->workers[i]), proc))
			continue;
		worker_health(c->workers[i], &health);
		if (!health.list_ns && !health.error[0])
			return true;
	}
	return false;
}

static void fill_footprint(struct collect *c, struct snap_vm *vm, GPtrArray *macs)
{
	struct footprint_view view;
	bool known = host_memory_get(c->footprints[vm->ident->owner.ordinary], vm->ident,
				     oldest_stats(c, vm->mono_ns), &view);

	host_memory_fill(c->labels, known ? &view : NULL, vm);
	c->footprint_ns = known ? view.mono_ns : 0;
	if (!known)
		return;
	devices_cgroup(c->devices, vm->ident, view.cgroup);
	vm->beyond[LEFT_OUT_CGROUPS] = view.cgroups_left_out;
	disks_fill_images(c->labels, view.images, view.n_images, disks_provided(c, vm), vm);
	for (unsigned i = 0; i < view.n_macs; i++)
		g_ptr_array_add(macs, g_strdup(view.macs[i]));
}

static void fill_stats(struct collect *c, const struct inventory_vm *iv,
		       const struct ga_result *said, struct snap_vm *vm)
{
	g_autoptr(GPtrArray) macs = g_ptr_array_new_with_free_func(g_free);
	uint64_t mono = 0;
	const struct kvmlens_vm_stats *stats = latest_stats(&c->latest, iv, &mono);

	disks_fill(c->labels, stats, mono, vm);
	nics_fill(c->nics, c->labels, stats, mono, vm);
	devices_fill(c->devices, c->labels, vm->mono_ns, vm);
	fill_footprint(c, vm, macs);
	for (size_t i = 0; stats && i < stats->n_nics; i++)
		g_ptr_array_add(macs, g_strdup(stats->nics[i].mac));
	guest_agent_fill(vm, said, macs);
}

static void fill_left_out(struct collect *c, const struct kvmlens_snapshot *before,
			  struct snap_vm *vm)
{
	const struct snap_vm *was = before ? rates_find_vm(before, vm) : NULL;
	static const char *const names[LEFT_OUT_KINDS] = {
		[LEFT_OUT_CGROUPS] = "cgroups",
		[LEFT_OUT_DISKS] = "disks",
		[LEFT_OUT_INTERFACES] = "interfaces",
		[LEFT_OUT_FILE_SYSTEMS] = "file_systems",
		[LEFT_OUT_GUEST_INTERFACES] = "guest_interfaces",
		[LEFT_OUT_GUEST_CPUS] = "guest_cpus",
	};
	size_t n = 0, at = 0;

	for (unsigned i = 0; i < LEFT_OUT_KINDS; i++) {
		uint64_t had = was ? was->beyond[i] : 0;

		n += vm->beyond[i] != 0;
		c->beyond_bounds += vm->beyond[i] > had ? vm->beyond[i] - had : 0;
	}
	entities_alloc(&vm->left_out, n, sizeof(struct snap_left_out));
	for (unsigned i = 0; i < LEFT_OUT_KINDS && at < n; i++) {
		struct snap_left_out *left_out = entities_at(&vm->left_out, at);

		if (!vm->beyond[i])
			continue;
		left_out->labels = vmlabels_part(c->labels, vm->ident, "what", names[i]);
		left_out->count = vm->beyond[i];
		at++;
	}
}

static uint64_t number_or_absent(int number)
{
	return number < 0 ? ABSENT : (uint64_t)number;
}

static void fill_down(struct collect *c, const struct inventory_vm *iv, struct snap_vm *vm)
{
	const struct vm_down *down = &iv->down;
	g_autofree char *text = NULL;
	struct snap_down *d;

	if (vm->up || !down->since_ms)
		return;
	text = vm_down_text(down);
	entities_alloc(&vm->downs, 1, sizeof(*d));
	d = entities_at(&vm->downs, 0);
	d->labels = vmlabels_part(c->labels, vm->ident, "reason", down->reason);
	d->died = down->died == VM_END_UNKNOWN ? ABSENT : down->died == VM_DIED;
	d->since = (double)down->since_ms / 1000;
	d->signal = number_or_absent(down->signal);
	d->exit_code = number_or_absent(down->exit_code);
	g_strlcpy(d->text, text, sizeof(d->text));
}

static void fill_vm(struct collect *c, const struct inventory_vm *iv, const struct instant *now,
		    const struct kvmlens_snapshot *before, struct snap_vm *vm)
{
	g_autoptr(ga_result) said = NULL;

	vm->ident = vm_ident_ref(iv->ident);
	vm->labels = labels_ref(iv->ident->labels);
	vm->state = iv->state;
	vm->pause = iv->pause;
	vm->provider = iv->provider;
	vm->level = levels_for(c->levels, iv->ident->name, iv->ident->uuid, iv->ident->owner.name);
	vm->up = iv->ident->pid > 0;
	vm->mono_ns = now->mono;
	vcpus_fill(c, iv, now, vm);
	fill_roles(c, iv, now, vm);
	fill_exits(c, vm);
	said = guest_agents_get(c->agents, vm->ident);
	fill_guest(c, iv, now->mono, before, said, vm);
	fill_stats(c, iv, said, vm);
	fill_left_out(c, before, vm);
	stall_watch_fill(c->stalls, vm);
	if (vm->up || !iv->down.since_ms)
		fill_sources(c, iv, now->mono, vm);
	forget_paused(vm);
	fill_down(c, iv, vm);
	fill_info(c, iv, vm);
}

void collect_vms(struct collect *c, const struct inventory *inventory,
		 struct kvmlens_snapshot *snapshot, const struct kvmlens_snapshot *before)
{
	struct instant now;
	unsigned i;

	vmlabels_begin(c->labels);
	blame_begin(c->blame, inventory);
	scan_run(&c->scan, c->probe);
	records_take(&c->records, &c->scan, c->probe, c->threads, &c->clock, inventory, &now);
	c->now = now;
	snapshot->mono_ns = now.mono;
	if (!inventory)
		return;
	guests_set(c->guests, inventory);
	devices_begin(c->devices, inventory);
	for (i = 0; i < G_N_ELEMENTS(c->footprints); i++)
		host_memory_set(c->footprints[i], inventory, i, c->levels);
	latest_take(&c->latest, c->workers, c->n_workers, oldest_stats(c, now.mono));
	nics_begin(c->nics, oldest_stats(c, now.mono));
	entities_alloc(&snapshot->vms, inventory->n_vms, sizeof(struct snap_vm));
	for (i = 0; i < inventory->n_vms; i++)
		fill_vm(c, &inventory->vms[i], &now, before, entities_at(&snapshot->vms, i));
	for (i = 0; i < snapshot->vms.n; i++)
		keep_counters(entities_at(&snapshot->vms, i), before);
	nics_set(c->nics, inventory, snapshot, &c->latest);
	nics_end(c->nics);
	nics_kick(c->nics, c->interval_ms);
	guest_agents_set(c->agents, snapshot);
	latest_drop(&c->latest);
}
