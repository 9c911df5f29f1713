// SPDX-License-Identifier: Apache-2.0
#include "core/balloon.h"

#include <string.h>

#define NS 1000000000ull
#define PERIOD_MAX 3600u /* seconds between two reports that are believed */
#define LATEST 3 /* a report older than so many periods is stale */
#define GRACE 5 /* seconds */

/* Pages of x86 and of most others; the guest counts its swapping in pages of its own. */
#define PAGE 4096

static uint64_t limit_s(const struct snap_balloon *balloon, const struct balloon_now *now)
{
	uint64_t period = MAX(balloon->period_s, (now->interval_ns + NS - 1) / NS);

	return LATEST * period + GRACE;
}

/* How often the guest reports: known once two reports were seen. */
static uint64_t period_of(const struct snap_balloon *balloon, const struct snap_balloon *was)
{
	uint64_t step;

	if (was->update_s == ABSENT || balloon->update_s == ABSENT ||
	    balloon->update_s <= was->update_s)
		return was->period_s;
	step = balloon->update_s - was->update_s;
	return step <= PERIOD_MAX ? step : was->period_s;
}

/* libvirt does not tell what the balloon was asked for; where it has come to rest it does. */
static uint64_t target_of(const struct snap_balloon *balloon, const struct snap_balloon *was)
{
	if (balloon->read_ns == was->read_ns)
		return was->target;
	return balloon->current == was->current ? balloon->current : ABSENT;
}

void balloon_fill(const struct kvmlens_memory_stats *memory, uint64_t read_ns,
		  const struct balloon_now *now, const struct snap_vm *before, struct snap_vm *vm)
{
	struct snap_balloon *b = &vm->balloon;

	*b = (struct snap_balloon){ABSENT, ABSENT, ABSENT, ABSENT, 0, 0, false, NAN};
	if (!memory || memory->balloon_current == ABSENT)
		return;
	b->current = memory->balloon_current;
	b->maximum = memory->maximum;
	b->update_s = memory->last_update;
	b->read_ns = read_ns;
	if (before) {
		b->period_s = period_of(b, &before->balloon);
		b->target = target_of(b, &before->balloon);
	}
	if (b->update_s == ABSENT)
		return;
	/* Both clocks are this host's; a step of its clock is no report from the future. */
	b->age = now->wall_s > (int64_t)b->update_s ? (double)(now->wall_s - (int64_t)b->update_s)
						    : 0;
	b->fresh = b->age <= (double)limit_s(b, now);
}

struct guest_view *balloon_view(const struct kvmlens_memory_stats *memory,
				const struct balloon_now *now, const struct snap_vm *before,
				const struct snap_vm *vm)
{
	const struct snap_guest *was = before ? &before->guest : NULL;
	struct guest_view *view;
	uint64_t age_ns;

	if (!memory || !vm->balloon.fresh)
		return NULL;
	if (was && was->view && !strcmp(was->view->source, BALLOON_SOURCE) &&
	    before->balloon.update_s == vm->balloon.update_s)
		return guest_view_ref(was->view);
	age_ns = (uint64_t)(vm->balloon.age * NS);
	view = guest_view_new(BALLOON_SOURCE, now->mono_ns > age_ns ? now->mono_ns - age_ns : 0, 0,
			      0);
	view->tasks_unknown = true;
	view->tasks_left_out = ABSENT;
	view->system.mem_total = memory->available;
	view->system.mem_free = memory->unused;
	view->system.mem_available = memory->usable;
	view->system.faults = memory->minor_faults;
	view->system.major_faults = memory->major_faults;
	view->system.swap_in_pages = memory->swap_in == ABSENT ? ABSENT : memory->swap_in / PAGE;
	view->system.swap_out_pages = memory->swap_out == ABSENT ? ABSENT : memory->swap_out / PAGE;
	return view;
}
