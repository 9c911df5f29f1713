// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "core/guests.h"
#include "guest/reader.h"
#include "guest/slots.h"
#include "probe/probe.h"

#define DEADLINE_MS 500 /* of a look, which takes 10 ms where a guest has 1,000 processes */
#define PARALLEL 2
#define SLOTS_EVERY_US (5 * G_USEC_PER_SEC) /* looks for memory that was plugged */
#define LATEST 3 /* a view older than so many intervals is none any more */

/* A VM that is read, with the RAM map that its reader was told. */
struct told {
	pid_t pid;
	uint64_t start_ns;
	bool kvm; /* KVM has a map of its RAM */
	bool exact, hidden; /* of that map: it is known, and says that some is hidden */
	struct guest_ram ram;
};

struct guests {
	const struct config *config;
	struct probe *probe;
	struct guest_reader *reader;
	GArray *told; /* struct told */
	GArray *slots; /* struct kvm_slot, of the last look */
	gint64 slots_us; /* when that was */
	uint64_t max_age_ns;
};

struct guests *guests_new(const struct config *config, unsigned interval_ms, struct probe *probe)
{
	struct guest_reader_options options = {
		.interval_ms = interval_ms,
		.deadline_ms = DEADLINE_MS,
		.parallel = PARALLEL,
	};
	struct guests *guests;
	struct guest_reader *reader;

	if (!config_guest_memory_any(config))
		return NULL;
	reader = guest_reader_new(&options);
	if (!reader)
		return NULL;
	guests = g_new0(struct guests, 1);
	guests->config = config;
	guests->reader = reader;
	guests->probe = probe;
	guests->told = g_array_new(FALSE, TRUE, sizeof(struct told));
	guests->slots = g_array_new(FALSE, FALSE, sizeof(struct kvm_slot));
	guests->max_age_ns = LATEST * (uint64_t)interval_ms * 1000000 + 5000000000ull;
	return guests;
}

void guests_free(struct guests *guests)
{
	if (!guests)
		return;
	guest_reader_free(guests->reader);
	g_array_unref(guests->told);
	g_array_unref(guests->slots);
	g_free(guests);
}

bool guests_wants(const struct guests *guests, const struct vm_ident *ident)
{
	return guests && ident->pid > 0 &&
	       config_guest_memory_for(guests->config, ident->name, ident->uuid, ident->owner.name);
}

static const struct told *told_before(const struct guests *guests, const struct told *vm)
{
	for (guint i = 0; i < guests->told->len; i++) {
		const struct told *told = &g_array_index(guests->told, struct told, i);

		if (told->pid == vm->pid && told->start_ns == vm->start_ns)
			return told;
	}
	return NULL;
}

/* The VMs that may be read, each with what was known of its RAM. */
static GArray *wanted_now(const struct guests *guests, const struct inventory *inventory,
			  bool *ret_new)
{
	GArray *now = g_array_new(FALSE, TRUE, sizeof(struct told));

	for (unsigned i = 0; i < inventory->n_vms; i++) {
		const struct vm_ident *ident = inventory->vms[i].ident;
		const struct told *before;
		struct told vm;

		if (!guests_wants(guests, ident))
			continue;
		memset(&vm, 0, sizeof(vm)); /* compared with its padding */
		vm.pid = ident->pid;
		vm.start_ns = ident->start_ns;
		before = told_before(guests, &vm);
		if (before)
			vm = *before;
		else
			*ret_new = true;
		vm.kvm = inventory->vms[i].kvm != 0;
		g_array_append_val(now, vm);
	}
	return now;
}

/* A map that cannot be had now is left as it was. */
static void look_at_slots(struct guests *guests, GArray *now)
{
	g_array_set_size(guests->slots, 0);
	guests->slots_us = g_get_monotonic_time();
	if (!guests->probe || probe_scan_memslots(guests->probe, guests->slots))
		return;
	for (guint i = 0; i < now->len; i++) {
		struct told *vm = &g_array_index(now, struct told, i);

		if (vm->kvm && !guest_slots_ram((const void *)guests->slots->data,
						guests->slots->len, vm->pid, &vm->ram, &vm->hidden))
			vm->exact = true;
	}
}

static void tell(struct guests *guests)
{
	g_autoptr(GArray) targets = g_array_new(FALSE, TRUE, sizeof(struct guest_target));

	for (guint i = 0; i < guests->told->len; i++) {
		const struct told *vm = &g_array_index(guests->told, struct told, i);
		struct guest_target target = {.pid = vm->pid,
					      .start_ns = vm->start_ns,
					      .ram = vm->exact ? &vm->ram : NULL,
					      .hidden = vm->hidden};

		g_array_append_val(targets, target);
	}
	guest_reader_set(guests->reader, (const struct guest_target *)(void *)targets->data,
			 targets->len);
}

void guests_set(struct guests *guests, const struct inventory *inventory)
{
	bool changed = false;
	GArray *now;

	if (!guests)
		return;
	now = wanted_now(guests, inventory, &changed);
	if (changed || g_get_monotonic_time() - guests->slots_us > SLOTS_EVERY_US)
		look_at_slots(guests, now);
	changed =
		now->len != guests->told->len ||
		(now->len && memcmp(now->data, guests->told->data, now->len * sizeof(struct told)));
	g_array_unref(guests->told);
	guests->told = now;
	if (changed)
		tell(guests);
}

struct guest_view *guests_view(struct guests *guests, const struct vm_ident *ident)
{
	struct guest_reader_state state;
	struct guest_view *view;

	if (!guests_wants(guests, ident))
		return NULL;
	view = guest_reader_get(guests->reader, ident->pid, ident->start_ns, &state);
	if (view && (uint64_t)g_get_monotonic_time() * 1000 > view->mono_ns + guests->max_age_ns)
		g_clear_pointer(&view, guest_view_unref);
	return view;
}

void guests_why(struct guests *guests, const struct vm_ident *ident, char *why, size_t size)
{
	struct guest_reader_state state = {0};

	if (guests)
		guest_view_unref(
			guest_reader_get(guests->reader, ident->pid, ident->start_ns, &state));
	g_strlcpy(why, state.why, size);
}
