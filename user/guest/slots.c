// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "guest/slots.h"

#define SLOTS_MAX 512

static int by_gpa(const void *left, const void *right)
{
	const struct kvm_slot *a = left, *b = right;

	return (a->gpa > b->gpa) - (a->gpa < b->gpa);
}

/*
 * Copy the slots of the process's first VM that has any, sorted. Returns how many, -ENOENT or
 * -EAGAIN. A process that holds the file twice lists them twice: once is enough.
 */
static int slots_of(const struct kvm_slot *slots, size_t n, uint32_t tgid, struct kvm_slot *ret)
{
	unsigned found = 0;

	for (size_t i = 0; i < n; i++) {
		const struct kvm_slot *s = &slots[i];

		if (s->tgid != tgid)
			continue;
		if (s->kind == KVM_SLOT_RAM && found < SLOTS_MAX) {
			ret[found++] = *s;
		} else if (s->kind == KVM_SLOT_END && s->count) {
			if (s->count != found || s->generation != ret[0].generation)
				return -EAGAIN;
			qsort(ret, found, sizeof(*ret), by_gpa);
			return found;
		}
	}
	return found ? -EAGAIN : -ENOENT;
}

/* Does b go on where a ends, for the guest and for the VMM? */
static bool continues(const struct kvm_slot *a, const struct kvm_slot *b)
{
	return a->gpa + a->size == b->gpa && a->hva + a->size == b->hva;
}

int guest_slots_ram(const struct kvm_slot *slots, size_t n, uint32_t tgid,
		    struct guest_ram *ret_ram, bool *ret_private)
{
	struct kvm_slot own[SLOTS_MAX], run = {0};
	struct guest_ram ram = {0};
	bool hidden = false;
	int found = slots_of(slots, n, tgid, own), r = 0;

	if (found < 0)
		return found;
	for (int i = 0; r == 0 && i < found; i++) {
		hidden |= !!(own[i].flags & KVM_SLOT_PRIVATE);
		if (own[i].flags & KVM_SLOT_READONLY)
			continue;
		if (run.size && continues(&run, &own[i])) {
			run.size += own[i].size;
			continue;
		}
		if (run.size)
			r = guest_ram_add(&ram, run.gpa, run.size, run.hva);
		run = own[i];
	}
	if (r == 0 && run.size)
		r = guest_ram_add(&ram, run.gpa, run.size, run.hva);
	if (r < 0)
		return r;
	*ret_ram = ram;
	*ret_private = hidden;
	return ram.n ? 0 : -ENOENT;
}
