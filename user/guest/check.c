// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include "guest/check.h"
#include "guest/kernel.h"

#define NUMBER_MAX (1ull << 62) /* no counter of a guest comes near: 146 years in nanoseconds */
#define BYTES_MAX (1ull << 52)

int guest_report_check(const struct guest_report *report, uint32_t number)
{
	if (report->magic != GUEST_REPORT_MAGIC || report->number != number ||
	    report->status >= GUEST_STATUS_MAX)
		return -EPROTO;
	if (report->n_cpus > GUEST_CPUS_MAX || report->n_tasks > GUEST_TASKS_MAX)
		return -EPROTO;
	if (report->status != GUEST_OK && (report->n_cpus || report->n_tasks))
		return -EPROTO;
	return 0;
}

static void bound(uint64_t *values, size_t n, uint64_t max)
{
	for (size_t i = 0; i < n; i++) {
		if (values[i] > max)
			values[i] = KVMLENS_ABSENT;
	}
}

static void check_task(struct guest_task *t)
{
	size_t first = offsetof(struct guest_task, start_ns);
	size_t last = offsetof(struct guest_task, kthread);

	bound((uint64_t *)((char *)t + first), (last - first) / 8, NUMBER_MAX);
	bound(&t->rss, 2, BYTES_MAX);
	t->kthread = !!t->kthread;
	if (!strchr("RSDTtZXI", t->state) || !t->state)
		t->state = '?';
	t->comm[GUEST_COMM_LEN - 1] = '\0';
	t->cgroup[GUEST_CGROUP_LEN - 1] = '\0';
	memset(t->pad, 0, sizeof(t->pad));
}

static void check_system(struct guest_system *s)
{
	bound(&s->uptime_ns, 1, NUMBER_MAX);
	bound(&s->mem_total, 7, BYTES_MAX);
	bound(&s->faults, 4, NUMBER_MAX);
	bound(s->load, 3, 1000ull * (1 << 22));
	bound(&s->total.user_ns, sizeof(s->total) / 8, NUMBER_MAX);
	s->hostname[GUEST_NAME_LEN - 1] = '\0';
	s->release[GUEST_NAME_LEN - 1] = '\0';
	memset(s->pad, 0, sizeof(s->pad));
}

struct guest_view *guest_report_view(const struct guest_report *report,
				     const struct guest_cpu *cpus, const struct guest_task *tasks,
				     uint64_t mono_ns)
{
	struct guest_view *view =
		guest_view_new("guest_memory", mono_ns, report->n_cpus, report->n_tasks);
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	uint32_t n = 0;

	view->system = report->system;
	check_system(&view->system);
	for (uint32_t i = 0; i < report->n_cpus; i++) {
		view->cpus[i] = cpus[i];
		bound(&view->cpus[i].user_ns, sizeof(cpus[i]) / 8, NUMBER_MAX);
	}
	for (uint32_t i = 0; i < report->n_tasks; i++) {
		struct guest_task task = tasks[i];

		if (task.pid == 0 || !g_hash_table_add(seen, GUINT_TO_POINTER(task.pid)))
			continue;
		check_task(&task);
		view->tasks[n++] = task;
	}
	view->n_tasks = n;
	view->tasks_left_out =
		report->n_tasks - n + report->walk.torn + report->walk.unread + report->walk.over;
	return view;
}
