/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a process's cgroup in the unified tree. */
#ifndef KVMLENS_GUEST_CGROUP_H
#define KVMLENS_GUEST_CGROUP_H

#include "guest/task.h"

/* Fill task->cgroup; "" for the root, and where it cannot be read. */
void guest_cgroup_read(struct guest_kernel *kernel, const struct task_image *image,
		       struct guest_task *task);

#endif
