// SPDX-License-Identifier: Apache-2.0
#include "guest/cgroup.h"

#include <string.h>

static bool pointer_at(struct guest_kernel *k, uint64_t va, enum layout_field field,
		       uint64_t *ret_value)
{
	uint64_t at = va + k->layout.field[field].offset;

	return layout_has(&k->layout, field) && guest_space_linear(&k->space, at, 8) &&
	       guest_space_read_near(&k->space, at, ret_value, 8) == 0;
}

/* To the end of its page, if that comes first: a longer name is cut off. */
static void read_name(struct guest_kernel *k, uint64_t va, char ret_name[GUEST_CGROUP_LEN])
{
	uint64_t left = GUEST_PAGE - va % GUEST_PAGE;
	size_t len = left < GUEST_CGROUP_LEN - 1 ? left : GUEST_CGROUP_LEN - 1;

	if (!guest_space_linear(&k->space, va, len) ||
	    guest_space_read_near(&k->space, va, ret_name, len) < 0)
		len = 0;
	memset(ret_name + strnlen(ret_name, len), 0, GUEST_CGROUP_LEN - strnlen(ret_name, len));
}

/* Many processes share a set of cgroups: each set is followed once a walk. */
void guest_cgroup_read(struct guest_kernel *k, const struct task_image *image,
		       struct guest_task *task)
{
	uint64_t set = guest_task_u64(&k->layout, image, L_TASK_CGROUPS), cgroup, kn, name;
	struct guest_cgroup *known = &k->cgroups[(set >> 6) % GUEST_CGROUPS_MAX];

	if (!set || !layout_has(&k->layout, L_TASK_CGROUPS))
		return;
	if (known->set != set || known->generation != k->mem->generation) {
		known->set = set;
		known->generation = k->mem->generation;
		memset(known->name, 0, sizeof(known->name));
		if (pointer_at(k, set, L_CSET_CGROUP, &cgroup) &&
		    pointer_at(k, cgroup, L_CGROUP_KN, &kn) && pointer_at(k, kn, L_KN_NAME, &name))
			read_name(k, name, known->name);
	}
	memcpy(task->cgroup, known->name, sizeof(task->cgroup));
}
