// SPDX-License-Identifier: Apache-2.0
#include "core/guestagent.h"

#include <string.h>

#include "core/disks.h"
#include "guest/ga_pool.h"

#define LATEST 3 /* a result older than so many intervals is none any more */
#define SHOWN_STANDARD 3u /* file systems, so that a VM's series stay within their budget */
#define GRACE_NS 5000000000ull

struct guest_agents {
	const struct config *config;
	struct ga_pool *pool;
	uint64_t max_age_ns;
};

struct guest_agents *guest_agents_new(const struct config *config, unsigned interval_ms,
				      struct refusals *refusals)
{
	struct ga_pool_options options = {
		.interval_ms = interval_ms, .uri = config->uri, .refusals = refusals};
	struct guest_agents *agents;
	struct ga_pool *pool;

	if (!config_guest_agent_any(config))
		return NULL;
	pool = ga_pool_new(&options);
	if (!pool)
		return NULL;
	agents = g_new0(struct guest_agents, 1);
	agents->config = config;
	agents->pool = pool;
	agents->max_age_ns = LATEST * (uint64_t)interval_ms * 1000000 + GRACE_NS;
	return agents;
}

void guest_agents_free(struct guest_agents *agents)
{
	if (!agents)
		return;
	ga_pool_free(agents->pool);
	g_free(agents);
}

bool guest_agents_wants(const struct guest_agents *agents, const struct vm_ident *ident)
{
	return agents && ident->pid > 0 &&
	       config_guest_agent_for(agents->config, ident->name, ident->uuid, ident->owner.name);
}

/* What would not be shown, or is known from the guest's memory, is not asked for. */
static unsigned parts_for(const struct kvmlens_snapshot *snapshot, const struct snap_vm *vm)
{
	const struct guest_view *view = vm->guest.view;
	bool better = view && strcmp(view->source, "guest_memory") == 0;
	unsigned groups = snapshot->groups, parts = 0;

	if (!better && (groups & (KVMLENS_CPU | KVMLENS_MEMORY)))
		parts |= GA_SYSTEM;
	if (!better && (groups & KVMLENS_PROCESS) && vm->level >= KVMLENS_DETAILED)
		parts |= GA_SYSTEM | GA_TASKS;
	if ((groups & KVMLENS_DISK) && vm->level >= KVMLENS_STANDARD)
		parts |= GA_SPACE;
	if ((groups & KVMLENS_NETWORK) && vm->level >= KVMLENS_DETAILED)
		parts |= GA_NICS;
	return parts;
}

void guest_agents_set(struct guest_agents *agents, const struct kvmlens_snapshot *snapshot)
{
	g_autoptr(GArray) targets = g_array_new(FALSE, TRUE, sizeof(struct ga_target));

	if (!agents)
		return;
	for (size_t i = 0; i < snapshot->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&snapshot->vms, i);
		struct ga_target target = {
			.pid = vm->ident->pid,
			.start_ns = vm->ident->start_ns,
			.libvirt = vm->provider && !strcmp(vm->provider, "libvirt"),
			.parts = parts_for(snapshot, vm),
			.owner = vm->ident->owner,
		};

		if (!target.parts || !guest_agents_wants(agents, vm->ident))
			continue;
		g_strlcpy(target.uuid, vm->ident->uuid, sizeof(target.uuid));
		g_array_append_val(targets, target);
	}
	ga_pool_set(agents->pool, (const struct ga_target *)(void *)targets->data, targets->len);
}

struct ga_result *guest_agents_get(struct guest_agents *agents, const struct vm_ident *ident)
{
	struct ga_result *result;
	struct ga_state state;

	if (!guest_agents_wants(agents, ident))
		return NULL;
	result = ga_pool_get(agents->pool, ident->pid, ident->start_ns, &state);
	if (result &&
	    (uint64_t)g_get_monotonic_time() * 1000 > result->mono_ns + agents->max_age_ns)
		g_clear_pointer(&result, ga_result_unref);
	return result;
}

static struct labels *fs_labels(const struct vm_ident *ident, const struct ga_fs *fs)
{
	const struct kvmlens_tag tags[] = {{"disk", fs->device},
					   {SPACE_KIND, SPACE_FILESYSTEM},
					   {"mount", fs->mount},
					   {SPACE_TYPE, fs->type}};

	return labels_new(ident->labels, tags, G_N_ELEMENTS(tags));
}

/* Texts that differ in what may not be shown look the same: no two series may. */
static bool is_shown(const struct entities *entities, size_t n, const struct labels *labels)
{
	for (size_t i = 0; i < n; i++) {
		const struct labels *other = *(struct labels *const *)entities_at(entities, i);

		if (!strcmp(other->text, labels->text))
			return true;
	}
	return false;
}

/* Give an entity its labels, of which it then owns a reference. False: they are another's. */
static bool take_labels(struct entities *entities, size_t at, struct labels *labels)
{
	if (is_shown(entities, at, labels)) {
		labels_unref(labels);
		return false;
	}
	*(struct labels **)entities_at(entities, at) = labels;
	return true;
}

/* Below detailed the largest ones that can fill up are shown. True: so many are larger. */
static bool is_outdone(const struct ga_result *result, uint32_t i, uint32_t most)
{
	uint32_t larger = 0;

	if (most < GA_FS_MAX && result->fs[i].read_only)
		return true;
	for (uint32_t j = 0; j < result->n_fs; j++)
		larger += (result->fs[j].size > result->fs[i].size ||
			   (j < i && result->fs[j].size == result->fs[i].size)) &&
			  (most == GA_FS_MAX || !result->fs[j].read_only);
	return larger >= most;
}

/* What cannot be written has a size, but no share of it is "full". The share is df's Use%. */
static void fill_space(struct snap_space *space, const struct ga_fs *fs)
{
	space->size = fs->whole;
	space->used = fs->used;
	space->percent =
		fs->read_only || !fs->size ? NAN : 100.0 * (double)fs->used / (double)fs->size;
}

static void fill_spaces(struct snap_vm *vm, const struct ga_result *result)
{
	uint32_t most = vm->level >= KVMLENS_DETAILED ? GA_FS_MAX : SHOWN_STANDARD;
	size_t at = vm->spaces.n;

	entities_grow(&vm->spaces, MIN(result->n_fs, most), sizeof(struct snap_space));
	for (uint32_t i = 0; i < result->n_fs; i++) {
		struct snap_space *space;

		if (is_outdone(result, i, most) ||
		    !take_labels(&vm->spaces, at, fs_labels(vm->ident, &result->fs[i])))
			continue;
		space = entities_at(&vm->spaces, at++);
		fill_space(space, &result->fs[i]);
	}
	vm->spaces.n = at;
}

static bool is_own(const struct ga_nic *nic, const GPtrArray *macs)
{
	for (guint i = 0; i < macs->len; i++)
		if (!g_ascii_strcasecmp(nic->mac, macs->pdata[i]))
			return true;
	return false;
}

static void fill_card(struct snap_vm *vm, const struct ga_nic *nic, size_t *at)
{
	const struct kvmlens_tag tags[] = {{"interface", nic->name}, {"mac", nic->mac}};
	struct snap_card *card;

	if (!take_labels(&vm->cards, *at, labels_new(vm->ident->labels, tags, G_N_ELEMENTS(tags))))
		return;
	card = entities_at(&vm->cards, (*at)++);
	card->rx_errors = nic->rx_errors;
	card->rx_dropped = nic->rx_dropped;
	card->tx_errors = nic->tx_errors;
	card->tx_dropped = nic->tx_dropped;
}

/* A guest that runs containers has hundreds: the VM's own come first. */
static void fill_cards(struct snap_vm *vm, const struct ga_result *result, const GPtrArray *macs)
{
	size_t most = MIN(result->n_nics, MAX(GUEST_NICS_SHOWN, VM_DEVICES_MAX)), at = 0;

	entities_alloc(&vm->cards, most, sizeof(struct snap_card));
	for (uint32_t i = 0; i < result->n_nics && at < most; i++)
		if (is_own(&result->nics[i], macs))
			fill_card(vm, &result->nics[i], &at);
	for (uint32_t i = 0; i < result->n_nics && at < MIN(most, GUEST_NICS_SHOWN); i++)
		if (!is_own(&result->nics[i], macs))
			fill_card(vm, &result->nics[i], &at);
	vm->cards.n = at;
	vm->beyond[LEFT_OUT_GUEST_INTERFACES] = result->nics_left_out + result->n_nics - at;
}

static void fill_os(struct snap_vm *vm, const struct ga_result *result)
{
	const struct kvmlens_tag tags[] = {{"os", result->os}, {"kernel", result->kernel}};

	if (!result->os[0] && !result->kernel[0])
		return;
	entities_alloc(&vm->guest_os, 1, sizeof(struct snap_info));
	*(struct snap_info *)entities_at(&vm->guest_os, 0) = (struct snap_info){
		.labels = labels_new(vm->ident->labels, tags, G_N_ELEMENTS(tags)),
		.one = 1,
	};
}

void guest_agent_fill(struct snap_vm *vm, const struct ga_result *result, const GPtrArray *macs)
{
	if (!result)
		return;
	fill_spaces(vm, result);
	fill_cards(vm, result, macs);
	vm->beyond[LEFT_OUT_FILE_SYSTEMS] = result->fs_left_out;
	fill_os(vm, result);
}

void guest_agents_source(struct guest_agents *agents, struct vmlabels *labels, uint64_t now,
			 const struct vm_ident *ident, struct snap_source *source)
{
	struct ga_state state;
	g_autoptr(ga_result) result =
		ga_pool_get(agents->pool, ident->pid, ident->start_ns, &state);

	source->labels = vmlabels_part(labels, ident, "source", "guest_agent");
	/* What has expired is shown by nothing else: the source is down, whatever comes of it. */
	source->up = state.up && result && now <= result->mono_ns + agents->max_age_ns;
	source->age = !result		      ? NAN
		      : now > result->mono_ns ? (double)(now - result->mono_ns) / 1e9
					      : 0;
	g_strlcpy(source->why, state.why, sizeof(source->why));
	if (state.up && !source->up)
		g_strlcpy(source->why, "the agent is too slow", sizeof(source->why));
	else if (state.up && result)
		g_strlcpy(source->why, result->note, sizeof(source->why));
}
