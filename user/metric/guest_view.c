// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "metric/guest_view.h"

struct guest_view *guest_view_new(const char *source, uint64_t mono_ns, uint32_t n_cpus,
				  uint32_t n_tasks)
{
	struct guest_view *view = g_new0(struct guest_view, 1);

	view->ref = 1;
	view->source = source;
	view->mono_ns = mono_ns;
	view->n_cpus = n_cpus;
	view->n_tasks = n_tasks;
	view->cpus = g_new(struct guest_cpu, n_cpus);
	view->tasks = g_new(struct guest_task, n_tasks);
	/* ABSENT is all ones. */
	if (n_cpus)
		memset(view->cpus, 0xff, n_cpus * sizeof(view->cpus[0]));
	if (n_tasks)
		memset(view->tasks, 0xff, n_tasks * sizeof(view->tasks[0]));
	memset(&view->system, 0xff, sizeof(view->system));
	memset(view->system.hostname, 0, sizeof(view->system.hostname));
	memset(view->system.release, 0, sizeof(view->system.release));
	for (uint32_t i = 0; i < n_tasks; i++) {
		view->tasks[i].kthread = 0;
		view->tasks[i].state = '?';
		memset(view->tasks[i].comm, 0, sizeof(view->tasks[i].comm));
		memset(view->tasks[i].cgroup, 0, sizeof(view->tasks[i].cgroup));
	}
	return view;
}

struct guest_view *guest_view_ref(struct guest_view *view)
{
	g_atomic_int_inc(&view->ref);
	return view;
}

void guest_view_unref(struct guest_view *view)
{
	if (!view || !g_atomic_int_dec_and_test(&view->ref))
		return;
	g_free(view->cpus);
	g_free(view->tasks);
	g_free(view);
}
