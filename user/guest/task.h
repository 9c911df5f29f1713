/* SPDX-License-Identifier: Apache-2.0 */
/* Read one task of a guest with everything that hangs on it. */
#ifndef KVMLENS_GUEST_TASK_H
#define KVMLENS_GUEST_TASK_H

#include "guest/kernel.h"
#include "guest/report.h"

#define TASK_BYTES_MAX 16384u
#define TASK_TRIES 3u

/* The bytes of a task_struct that were read: [layout.task_lo, layout.task_hi). */
struct task_image {
	uint64_t va;
	uint8_t bytes[TASK_BYTES_MAX];
};

/*
 * -EFAULT: va is no place for a task, or the memory there cannot be one; else
 * guest_space_read()'s.
 */
int guest_task_image(struct guest_kernel *kernel, uint64_t va, struct task_image *ret_image);

/* A number of the image; 0 when the kernel has no such member. */
uint64_t guest_task_u64(const struct layout *layout, const struct task_image *image,
			enum layout_field field);

/* The pointers of the list of all processes. */
void guest_task_links(const struct layout *layout, const struct task_image *image,
		      uint64_t *ret_next, uint64_t *ret_prev);

/*
 * Fill task from a process leader's image and what it points to. *ret_parent is the address of
 * its parent's task. try counts from 0 to TASK_TRIES - 1: in the last one a value that cannot be
 * had is better absent than the whole task. -EAGAIN: it changed meanwhile; -EFAULT, -ENXIO: part
 * of it cannot be read; -ETIME: the budget is used up.
 */
int guest_task_read(struct guest_kernel *kernel, const struct task_image *image, unsigned try,
		    struct guest_task *ret_task, uint64_t *ret_parent);

#endif
