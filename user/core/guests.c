// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "core/guests.h"
#include "guest/reader.h"

#define DEADLINE_MS 500 /* of a look, which takes 10 ms where a guest has 1,000 processes */
#define PARALLEL 2
#define LATEST 3 /* a view older than so many intervals is none any more */

struct guests {
	const struct config *config;
	struct guest_reader *reader;
	GArray *targets; /* struct guest_target, as last set */
	uint64_t max_age_ns;
};

struct guests *guests_new(const struct config *config, unsigned interval_ms)
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
	guests->targets = g_array_new(FALSE, TRUE, sizeof(struct guest_target));
	guests->max_age_ns = LATEST * (uint64_t)interval_ms * 1000000 + 5000000000ull;
	return guests;
}

void guests_free(struct guests *guests)
{
	if (!guests)
		return;
	guest_reader_free(guests->reader);
	g_array_unref(guests->targets);
	g_free(guests);
}

bool guests_wants(const struct guests *guests, const struct vm_ident *ident)
{
	return guests && ident->pid > 0 &&
	       config_guest_memory_for(guests->config, ident->name, ident->uuid);
}

static bool same_targets(const GArray *a, const GArray *b)
{
	return a->len == b->len &&
	       (!a->len || !memcmp(a->data, b->data, a->len * sizeof(struct guest_target)));
}

void guests_set(struct guests *guests, const struct inventory *inventory)
{
	GArray *targets;

	if (!guests)
		return;
	targets = g_array_new(FALSE, TRUE, sizeof(struct guest_target));
	for (unsigned i = 0; i < inventory->n_vms; i++) {
		const struct vm_ident *ident = inventory->vms[i].ident;
		struct guest_target target;

		if (!guests_wants(guests, ident))
			continue;
		memset(&target, 0, sizeof(target));
		target.pid = ident->pid;
		target.start_ns = ident->start_ns;
		g_array_append_val(targets, target);
	}
	if (same_targets(targets, guests->targets)) {
		g_array_unref(targets);
		return;
	}
	guest_reader_set(guests->reader, (const struct guest_target *)(void *)targets->data,
			 targets->len);
	g_array_unref(guests->targets);
	guests->targets = targets;
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
