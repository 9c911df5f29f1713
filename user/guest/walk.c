// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include "guest/task.h"
#include "guest/walk.h"

#define LIST_MAX 65536u
#define LIST_RETRIES 20u

static struct walk_parent *parent_slot(struct guest_walk *walk, uint64_t va)
{
	uint32_t at = (va >> 6) * 0x9e3779b1u % WALK_PARENTS;

	while (walk->parents[at].used && walk->parents[at].va != va)
		at = (at + 1) % WALK_PARENTS;
	return &walk->parents[at];
}

static void add_task(struct guest_walk *walk, const struct guest_task *task, uint64_t va,
		     uint64_t parent)
{
	*parent_slot(walk, va) = (struct walk_parent){.va = va, .pid = task->pid, .used = 1};
	walk->parent[walk->n] = parent;
	walk->tasks[walk->n++] = *task;
}

/* Read a task, again when it changed. 0 also when it was left out, which stats then count. */
static int visit(struct guest_kernel *k, struct guest_walk *walk, struct task_image *image,
		 struct guest_walk_stats *stats)
{
	struct guest_task task;
	uint64_t parent;
	int r;

	if (walk->n == GUEST_TASKS_MAX) {
		stats->over++;
		return 0;
	}
	for (unsigned try = 0; try < TASK_TRIES; try++) {
		r = guest_task_read(k, image, try, &task, &parent);
		if (r != -EAGAIN)
			break;
		if (guest_task_image(k, image->va, image) < 0)
			break;
	}
	if (r == 0)
		add_task(walk, &task, image->va, parent);
	else if (r == -EAGAIN)
		stats->torn++;
	else if (r == -EFAULT || r == -ENXIO)
		stats->unread++;
	else
		return r;
	return 0;
}

/*
 * Follow the list once. Each node must point back to the one before, so that no loop which the
 * head is not part of can hold the walk.
 */
static int follow(struct guest_kernel *k, struct guest_walk *walk, struct guest_walk_stats *stats)
{
	const struct layout *l = &k->layout;
	uint32_t node_off = l->field[L_TASK_TASKS].offset;
	uint64_t head = k->symbol[SYM_INIT_TASK] + node_off, before = head, next, prev;
	struct task_image image;
	int r = guest_task_image(k, k->symbol[SYM_INIT_TASK], &image);

	if (r < 0)
		return r;
	guest_task_links(l, &image, &next, &prev);
	for (unsigned steps = 0; next != head; steps++) {
		uint64_t at = next, pid;

		if (steps == LIST_MAX)
			return -EAGAIN;
		r = guest_task_image(k, at - node_off, &image);
		if (r < 0)
			return r == -EFAULT ? -EAGAIN : r;
		guest_task_links(l, &image, &next, &prev);
		pid = guest_task_u64(l, &image, L_TASK_PID);
		if (prev != before || pid == 0 || pid != guest_task_u64(l, &image, L_TASK_TGID))
			return -EAGAIN;
		r = visit(k, walk, &image, stats);
		if (r < 0)
			return r;
		before = at;
	}
	return 0;
}

/* A parent is a task that was seen, else one of the threads of one: then ask it. */
static int name_parents(struct guest_kernel *k, struct guest_walk *walk)
{
	const struct layout *l = &k->layout;

	for (uint32_t i = 0; i < walk->n; i++) {
		struct walk_parent *parent = parent_slot(walk, walk->parent[i]);
		uint32_t tgid;
		int r;

		if (parent->used) {
			walk->tasks[i].ppid = parent->pid;
			continue;
		}
		if (!guest_space_linear(&k->space, walk->parent[i], l->task_hi) &&
		    walk->parent[i] != k->symbol[SYM_INIT_TASK])
			continue;
		r = guest_space_read(&k->space, walk->parent[i] + l->field[L_TASK_TGID].offset,
				     &tgid, 4);
		if (r == -ETIME)
			return r;
		if (r == 0)
			walk->tasks[i].ppid = tgid;
	}
	return 0;
}

int guest_walk(struct guest_kernel *kernel, struct guest_walk *walk, struct guest_walk_stats *stats)
{
	int r = -EAGAIN;

	guest_space_flush(&kernel->space);
	for (unsigned try = 0; try <= LIST_RETRIES && r == -EAGAIN; try++) {
		struct guest_walk_stats left_out = {0};

		walk->n = 0;
		memset(walk->parents, 0, sizeof(walk->parents));
		r = follow(kernel, walk, &left_out);
		if (r == 0) {
			stats->torn += left_out.torn;
			stats->unread += left_out.unread;
			stats->over += left_out.over;
			stats->retries += try;
		}
	}
	return r < 0 ? r : name_parents(kernel, walk);
}
