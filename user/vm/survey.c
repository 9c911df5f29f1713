// SPDX-License-Identifier: Apache-2.0
#include "vm/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vm/departed.h"
#include "vm/kernel_vm.h"
#include "vm/merge.h"
#include "vm/proc_fs.h"
#include "vm/vm_state.h"

/*
 * All ordinary owners together have a quarter of the slots. Another quarter is for the vCPUs of
 * trusted VMs, whatever else these run.
 */
#define ORDINARY_PART 4
#define RESERVED_PART 4
#define ORDINARY_VMS 8 /* times the share of one owner: VMs of all ordinary owners */

/* What an ordinary owner has taken. */
struct share {
	unsigned vms, slots;
};

/* A slot to give up; keep: its counts are still the VM's. */
struct leaving {
	uint16_t slot;
	bool keep;
};

struct survey {
	struct discover_config config;
	struct worker **workers;
	char *root, *pve;
	struct owner_policy *owners;
	struct proc_scan *proc; /* NULL: the root cannot be opened */
	unsigned number; /* of the full scan */
	GArray *found; /* struct kvm_found */
	GHashTable *kernel; /* tgid -> struct kernel_vm */
	GHashTable *vms; /* key_of() -> struct vm_state */
	GHashTable *by_pid; /* pid -> struct vm_state */
	GHashTable *shares; /* name of an ordinary owner -> struct share, of this scan */
	unsigned ordinary_vms, ordinary_slots; /* of all of them */
	GHashTable *had_process; /* keys of entries that once had one */
	GArray *leaving; /* since the last commit */
	struct departed *departed;
	struct discover_health health;
};

static void state_free(gpointer vm)
{
	vm_state_free(vm);
}

struct survey *survey_new(const struct discover_config *config)
{
	struct survey *survey = g_new0(struct survey, 1);

	survey->config = *config;
	survey->workers = g_memdup2(config->workers, config->n_workers * sizeof(struct worker *));
	survey->root = g_strdup(config->proc_root);
	survey->pve = g_build_filename(config->etc ?: "/etc", "pve", NULL);
	survey->owners = owner_policy_new(config->etc, config->owners, config->n_owners);
	survey->found = g_array_new(FALSE, TRUE, sizeof(struct kvm_found));
	survey->kernel = kernel_vms(survey->found, NULL, NULL);
	survey->vms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, state_free);
	survey->by_pid = g_hash_table_new(NULL, NULL);
	survey->had_process = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	survey->shares = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	survey->leaving = g_array_new(FALSE, FALSE, sizeof(struct leaving));
	survey->departed = departed_new(config->departed_ms);
	return survey;
}

void survey_free(struct survey *survey)
{
	g_hash_table_unref(survey->shares);
	g_hash_table_unref(survey->by_pid);
	g_hash_table_unref(survey->vms);
	g_hash_table_unref(survey->kernel);
	g_hash_table_unref(survey->had_process);
	g_array_unref(survey->found);
	g_array_unref(survey->leaving);
	departed_free(survey->departed);
	proc_scan_free(survey->proc);
	owner_policy_free(survey->owners);
	g_free(survey->workers);
	g_free(survey->root);
	g_free(survey->pve);
	g_free(survey);
}

const struct discover_health *survey_health(const struct survey *survey)
{
	return &survey->health;
}

/* --- sources -------------------------------------------------------------------------------- */

static gboolean in_process(void *arg, pid_t tgid, pid_t tid)
{
	struct survey *survey = arg;
	char path[48];

	g_snprintf(path, sizeof(path), "%d/task/%d", tgid, tid);
	return survey->proc && !faccessat(proc_scan_root(survey->proc), path, F_OK, 0);
}

void survey_kernel(struct survey *survey)
{
	const struct discover_ops *ops = survey->config.ops;

	survey->health.kernel = -ENOTSUP;
	g_array_set_size(survey->found, 0);
	if (ops && ops->scan)
		survey->health.kernel = ops->scan(survey->config.ctx, survey->found);
	g_hash_table_unref(survey->kernel);
	survey->kernel = kernel_vms(survey->found, in_process, survey);
}

static GHashTable *kernel_pids(const struct survey *survey)
{
	GHashTable *pids = g_hash_table_new(NULL, NULL);
	GHashTableIter iter;
	gpointer tgid;

	g_hash_table_iter_init(&iter, survey->kernel);
	while (g_hash_table_iter_next(&iter, &tgid, NULL))
		g_hash_table_add(pids, tgid);
	return pids;
}

static void survey_proc(struct survey *survey)
{
	g_autoptr(GHashTable) known = kernel_pids(survey);
	struct proc_scan_options options = {
		.known = known,
		.fds = survey->health.kernel != 0,
		.owners = survey->owners,
		.pve = survey->pve,
	};

	owner_policy_refresh(survey->owners);
	if (survey->proc)
		proc_scan_run(survey->proc, &options);
}

static struct merge_source *take_lists(struct survey *survey)
{
	struct merge_source *sources = g_new0(struct merge_source, survey->config.n_workers);

	for (size_t i = 0; i < survey->config.n_workers; i++) {
		sources[i].provider = worker_name(survey->workers[i]);
		sources[i].list = worker_list(survey->workers[i]);
	}
	return sources;
}

static void drop_lists(struct survey *survey, struct merge_source *sources)
{
	for (size_t i = 0; i < survey->config.n_workers; i++)
		vm_list_unref((struct vm_list *)sources[i].list);
	g_free(sources);
}

/* --- accounting ----------------------------------------------------------------------------- */

void survey_begin(struct survey *survey)
{
	if (survey->config.ops && survey->config.ops->begin)
		survey->config.ops->begin(survey->config.ctx);
}

void survey_untrack(struct survey *survey)
{
	const struct discover_ops *ops = survey->config.ops;

	for (unsigned i = 0; i < survey->leaving->len && ops && ops->untrack; i++) {
		struct leaving *l = &g_array_index(survey->leaving, struct leaving, i);

		ops->untrack(survey->config.ctx, l->slot, l->keep);
	}
	g_array_set_size(survey->leaving, 0);
}

void survey_end(struct survey *survey)
{
	if (survey->config.ops && survey->config.ops->end)
		survey->config.ops->end(survey->config.ctx);
}

/* --- VMs ------------------------------------------------------------------------------------ */

static char *process_key(pid_t pid, uint64_t start_ns)
{
	return g_strdup_printf("%d@%" G_GUINT64_FORMAT, pid, start_ns);
}

static void depart(struct survey *survey, const struct vm_state *vm)
{
	const struct discover_ops *ops = survey->config.ops;
	const struct inventory_vm left = {
		.ident = vm->ident, .info = vm->info, .provider = vm->provider};
	struct vm_exit exit = {0};

	if (ops && ops->ended)
		ops->ended(survey->config.ctx, vm->ident->pid, &exit);
	departed_add(survey->departed, &left, &exit, g_get_real_time() / 1000);
}

/* The end of a VM, or of what was taken for one: its counts go with it. */
static void forget(struct survey *survey, const struct vm_state *vm)
{
	if (vm->ident->pid)
		depart(survey, vm);
	for (unsigned i = 0; i < vm->n_threads; i++) {
		struct leaving leaving = {vm->threads[i].slot, false};

		if (leaving.slot)
			g_array_append_val(survey->leaving, leaving);
	}
	if (vm->ident->pid)
		g_hash_table_remove(survey->by_pid, GINT_TO_POINTER(vm->ident->pid));
}

static void drop(struct survey *survey, const struct vm_state *vm)
{
	g_autofree char *key = process_key(vm->ident->pid, vm->ident->start_ns);

	forget(survey, vm);
	g_hash_table_remove(survey->vms, key);
}

/* An id that is used again: slots go by thread ids, and must be free before they are taken. */
static void drop_predecessor(struct survey *survey, const struct proc_vmm *process)
{
	struct vm_state *vm =
		g_hash_table_lookup(survey->by_pid, GINT_TO_POINTER(process->stat.pid));

	if (!vm || vm->ident->start_ns == process->start_ns)
		return;
	drop(survey, vm);
	survey_begin(survey);
	survey_untrack(survey);
	survey_end(survey);
}

/* The threads as they are now; false: the process has ended meanwhile. */
static bool read_threads(struct survey *survey, struct vm_state *vm, pid_t pid)
{
	uint64_t now_ns = g_get_monotonic_time() * 1000;

	return !proc_fs_threads(proc_scan_root(survey->proc), pid, now_ns, vm->proc_threads,
				&survey->health.dropped);
}

/* Kernel threads that were made for one of the VM's threads, before Linux 6.4. */
static void find_vhosts(struct survey *survey, struct vm_state *vm, GHashTable *owners)
{
	g_array_set_size(vm->vhosts, 0);
	for (unsigned i = 0; i < vm->proc_threads->len && g_hash_table_size(owners); i++) {
		pid_t tid = g_array_index(vm->proc_threads, struct proc_thread, i).tid;
		GArray *tids = g_hash_table_lookup(owners, GINT_TO_POINTER(tid));

		if (tids)
			g_array_append_vals(vm->vhosts, tids->data, tids->len);
	}
}

static struct share *share_of(struct survey *survey, const struct vm_owner *owner)
{
	struct share *share = g_hash_table_lookup(survey->shares, owner->name);

	if (!share) {
		share = g_new0(struct share, 1);
		g_hash_table_insert(survey->shares, g_strdup(owner->name), share);
	}
	return share;
}

/* What ordinary owners have at the moment, before anything is added. */
static void count_slots(struct survey *survey)
{
	struct vm_state *vm;
	GHashTableIter iter;

	g_hash_table_remove_all(survey->shares);
	survey->ordinary_vms = survey->ordinary_slots = 0;
	g_hash_table_iter_init(&iter, survey->vms);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&vm))
		if (vm->ident->owner.ordinary) {
			share_of(survey, &vm->ident->owner)->slots += vm->n_slots;
			survey->ordinary_slots += vm->n_slots;
		}
}

/* One VM's threads on their way to the tracker. */
struct tracking {
	struct survey *survey;
	struct vm_state *vm;
};

static bool has_room(struct survey *survey, const struct vm_state *vm, enum sched_role role)
{
	const struct discover_ops *ops = survey->config.ops;
	const struct vm_owner *owner = &vm->ident->owner;
	unsigned all, left;

	if (!ops->room)
		return true;
	left = ops->room(survey->config.ctx, &all);
	if (!owner->ordinary)
		return role == SCHED_ROLE_VCPU || left > all / RESERVED_PART;
	return survey->ordinary_slots < all / ORDINARY_PART &&
	       share_of(survey, owner)->slots <
		       refusals_limit(survey->config.refusals, REFUSAL_THREADS);
}

static int track_thread(void *ctx, pid_t tid, pid_t tgid, enum sched_role role, uint32_t flags,
			uint16_t *ret_slot)
{
	struct tracking *t = ctx;
	const struct discover_ops *ops = t->survey->config.ops;
	const struct vm_owner *owner = &t->vm->ident->owner;
	int r;

	if (!has_room(t->survey, t->vm, role)) {
		if (owner->ordinary)
			refusals_add(t->survey->config.refusals, owner, tgid, REFUSAL_THREADS, 1);
		t->survey->health.crowded++;
		return -ENOSPC;
	}
	r = ops->track(t->survey->config.ctx, tid, tgid, role, flags, ret_slot);
	if (!r && owner->ordinary) {
		share_of(t->survey, owner)->slots++;
		t->survey->ordinary_slots++;
	}
	return r;
}

static void account_threads(struct survey *survey, struct vm_state *vm)
{
	static const struct discover_ops checked = {.track = track_thread};
	g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(uint16_t));
	const struct discover_ops *ops = survey->config.ops;
	struct tracking tracking = {survey, vm};
	const struct kernel_vm *kernel =
		g_hash_table_lookup(survey->kernel, GINT_TO_POINTER(vm->ident->pid));

	vm_state_threads(vm, kernel, ops && ops->track ? &checked : NULL, &tracking, gone);
	for (unsigned i = 0; i < gone->len; i++) {
		struct leaving leaving = {g_array_index(gone, uint16_t, i), true};

		g_array_append_val(survey->leaving, leaving);
	}
}

static char *key_of(const struct merged_vm *merged)
{
	if (merged->process)
		return process_key(merged->process->stat.pid, merged->process->start_ns);
	return g_strdup_printf("%s/%s", merged->provider, merged->entry->id);
}

static bool is_off(const struct vm_entry *entry)
{
	return entry->state == KVMLENS_VM_OFF || entry->state == KVMLENS_VM_CRASHED;
}

/*
 * A VM that only a provider knows: on another host, or of a driver without processes. One that
 * had a process, or whose process is gone, has ended, whatever an older list says.
 */
static bool has_ended(struct survey *survey, const struct merged_vm *merged, const char *key,
		      GHashTable *had_before)
{
	struct proc_stat stat;

	if (is_off(merged->entry))
		return false;
	if (g_hash_table_contains(had_before, key)) {
		g_hash_table_add(survey->had_process, g_strdup(key));
		return true;
	}
	if (!merged->entry->pid || !survey->proc)
		return false;
	return proc_fs_stat(proc_scan_root(survey->proc), merged->entry->pid, &stat) ||
	       !proc_stat_alive(&stat);
}

static void remember_process(struct survey *survey, const struct merged_vm *merged)
{
	if (merged->entry)
		g_hash_table_add(survey->had_process,
				 g_strdup_printf("%s/%s", merged->provider, merged->entry->id));
}

static void take(struct survey *survey, const struct merged_vm *merged, char *key,
		 struct vm_list *list, GHashTable *owners)
{
	struct vm_state *vm = g_hash_table_lookup(survey->vms, key);
	bool is_new = !vm;

	if (merged->process)
		drop_predecessor(survey, merged->process);
	if (is_new)
		vm = vm_state_new();
	if (merged->process && !read_threads(survey, vm, merged->process->stat.pid)) {
		if (is_new)
			vm_state_free(vm);
		return;
	}
	vm->seen = survey->number;
	find_vhosts(survey, vm, owners);
	vm_state_identify(vm, merged, list);
	if (is_new)
		g_hash_table_insert(survey->vms, g_strdup(key), vm);
	if (!merged->process)
		return;
	if (is_new && survey->config.ops && survey->config.ops->watch)
		survey->config.ops->watch(survey->config.ctx, vm->ident->pid);
	departed_back(survey->departed, vm->ident);
	g_hash_table_insert(survey->by_pid, GINT_TO_POINTER(vm->ident->pid), vm);
	account_threads(survey, vm);
}

static struct vm_list *list_of(const struct survey *survey, const struct merge_source *sources,
			       const struct merged_vm *merged)
{
	for (size_t i = 0; merged->provider && i < survey->config.n_workers; i++)
		if (sources[i].provider == merged->provider && sources[i].list)
			return (struct vm_list *)sources[i].list;
	return NULL;
}

/* Of proc's vhost threads: the thread that each works for -> their ids. */
static GHashTable *vhost_owners(const struct survey *survey)
{
	GHashTable *owners = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
	const GArray *vhosts = survey->proc ? proc_scan_vhosts(survey->proc) : NULL;

	for (unsigned i = 0; vhosts && i < vhosts->len; i++) {
		const struct proc_vhost *v = &g_array_index(vhosts, struct proc_vhost, i);
		GArray *tids = g_hash_table_lookup(owners, GINT_TO_POINTER(v->owner));

		if (!tids) {
			tids = g_array_new(FALSE, FALSE, sizeof(pid_t));
			g_hash_table_insert(owners, GINT_TO_POINTER(v->owner), tids);
		}
		g_array_append_val(tids, v->tid);
	}
	return owners;
}

/*
 * May an ordinary owner have one more VM? They are asked for by age, so that those that are there
 * stay.
 */
static bool admit(struct survey *survey, const struct merged_vm *merged)
{
	struct refusals *refusals = survey->config.refusals;
	uint64_t most = refusals_limit(refusals, REFUSAL_VMS);
	pid_t pid = merged->process ? merged->process->stat.pid : 0;
	struct share *share = share_of(survey, &merged->owner);

	if (merged->poses)
		refusals_add(refusals, &merged->owner, pid, REFUSAL_IDENTITY, 1);
	if (share->vms >= most || survey->ordinary_vms / ORDINARY_VMS >= most) {
		refusals_add(refusals, &merged->owner, pid, REFUSAL_VMS, 1);
		return false;
	}
	share->vms++;
	survey->ordinary_vms++;
	return true;
}

static gint by_age(gconstpointer a, gconstpointer b)
{
	const struct merged_vm *x = *(struct merged_vm *const *)a;
	const struct merged_vm *y = *(struct merged_vm *const *)b;
	uint64_t s = x->process ? x->process->start_ns : 0,
		 t = y->process ? y->process->start_ns : 0;

	if (x->owner.ordinary != y->owner.ordinary)
		return x->owner.ordinary ? 1 : -1;
	if (!x->owner.ordinary || s == t)
		return 0;
	return s < t ? -1 : 1;
}

static void take_all(struct survey *survey, const struct merge_source *sources, GPtrArray *merged)
{
	g_autoptr(GHashTable) had_before = survey->had_process;
	g_autoptr(GHashTable) owners = vhost_owners(survey);

	survey->had_process = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	count_slots(survey);
	/* Trusted VMs first: what is short is theirs. */
	g_ptr_array_sort(merged, by_age);
	for (unsigned i = 0; i < merged->len; i++) {
		const struct merged_vm *m = merged->pdata[i];
		g_autofree char *key = key_of(m);

		if (m->process)
			remember_process(survey, m);
		else if (has_ended(survey, m, key, had_before))
			continue;
		if (m->owner.ordinary && !admit(survey, m))
			continue;
		take(survey, m, key, list_of(survey, sources, m), owners);
	}
}

static void drop_unseen(struct survey *survey)
{
	GHashTableIter iter;
	struct vm_state *vm;

	g_hash_table_iter_init(&iter, survey->vms);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&vm)) {
		if (vm->seen == survey->number)
			continue;
		forget(survey, vm);
		g_hash_table_iter_remove(&iter);
	}
}

void survey_all(struct survey *survey)
{
	gint64 start = g_get_monotonic_time();
	static const GPtrArray none;
	struct merge_source *sources = take_lists(survey);
	g_autoptr(GPtrArray) merged = NULL;

	/* Lists come first: whoever stands in one has a process by now, if it ever has one. */
	survey->number++;
	if (!survey->proc)
		proc_scan_new(survey->root, &survey->proc);
	survey_kernel(survey);
	survey_proc(survey);
	merged = merge_vms(survey->proc ? proc_scan_vmms(survey->proc) : &none, sources,
			   survey->config.n_workers, survey->config.unnamed);
	take_all(survey, sources, merged);
	drop_unseen(survey);
	drop_lists(survey, sources);
	survey->health.scans++;
	survey->health.scan_ns = (g_get_monotonic_time() - start) * 1000;
	survey->health.blocked = survey->proc ? proc_scan_blocked(survey->proc) : 0;
	survey->health.hidden = survey->proc ? proc_scan_hidden(survey->proc) : KVMLENS_ABSENT;
}

bool survey_follows(const struct survey *survey, pid_t tgid)
{
	const struct vm_state *vm = g_hash_table_lookup(survey->by_pid, GINT_TO_POINTER(tgid));

	return vm && !vm->ident->owner.ordinary;
}

void survey_process(struct survey *survey, pid_t tgid)
{
	struct vm_state *vm = g_hash_table_lookup(survey->by_pid, GINT_TO_POINTER(tgid));
	struct proc_stat stat;

	if (!vm)
		return;
	survey->health.pokes++;
	if (!proc_fs_stat(proc_scan_root(survey->proc), tgid, &stat) && proc_stat_alive(&stat) &&
	    read_threads(survey, vm, tgid)) {
		account_threads(survey, vm);
		return;
	}
	drop(survey, vm);
}

/* --- publishing ----------------------------------------------------------------------------- */

void survey_published(struct survey *survey)
{
	if (survey->config.ops && survey->config.ops->scanned)
		survey->config.ops->scanned(survey->config.ctx);
}

static int by_name(const void *a, const void *b)
{
	const struct inventory_vm *x = a, *y = b;
	int r = strcmp(x->ident->name, y->ident->name);

	return r ? r : strcmp(x->ident->uuid, y->ident->uuid);
}

/* A provider's word on why a VM is off. */
static const char *reason_of(const struct vm_entry *entry, const char *label)
{
	for (size_t i = 0; entry && i < entry->n_info; i++)
		if (strcmp(entry->info[i].key, label) == 0)
			return entry->info[i].value;
	return NULL;
}

static void add_down(const struct survey *survey, const struct vm_state *state,
		     struct inventory_vm *vm)
{
	const struct vm_down *down;

	if (state->ident->pid || !state->entry || !is_off(state->entry))
		return;
	down = departed_find(survey->departed, state->ident,
			     reason_of(state->entry, KVMLENS_OFF_REASON));
	if (!down)
		return;
	vm->down = *down;
	if (down->died == VM_DIED)
		vm->state = KVMLENS_VM_CRASHED;
}

/* One that its provider has forgotten is no VM of its own: it says why another ended. */
static bool is_last_word(const struct survey *survey, const struct vm_state *state)
{
	const char *said = state->ident->pid ? NULL : reason_of(state->entry, KVMLENS_GONE_REASON);

	if (said)
		departed_say(survey->departed, state->ident, said);
	return said;
}

struct inventory *survey_inventory(const struct survey *survey)
{
	g_autoptr(GArray) vms = g_array_new(FALSE, TRUE, sizeof(struct inventory_vm));
	struct inventory *inventory;
	struct vm_state *state;
	GHashTableIter iter;

	departed_expire(survey->departed, g_get_real_time() / 1000);
	g_hash_table_iter_init(&iter, survey->vms);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&state)) {
		struct inventory_vm vm;

		if (is_last_word(survey, state))
			continue;
		vm = vm_state_publish(state);
		add_down(survey, state, &vm);
		g_array_append_val(vms, vm);
	}
	departed_list(survey->departed, vms);
	inventory = inventory_new(vms->len);
	if (vms->len) {
		memcpy(inventory->vms, vms->data, vms->len * sizeof(*inventory->vms));
		qsort(inventory->vms, inventory->n_vms, sizeof(*inventory->vms), by_name);
	}
	inventory->mono_ns = g_get_monotonic_time() * 1000;
	return inventory;
}
