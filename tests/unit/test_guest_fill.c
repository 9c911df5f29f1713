// SPDX-License-Identifier: Apache-2.0
/* From two views into a guest to the values and rates of a snapshot. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/disks.h"
#include "core/guest.h"
#include "core/guestagent.h"
#include "guest/ga_reply.h"
#include "guest/ga_text.h"
#include "metric/metric.h"
#include "unit/suite.h"

#define SECOND 1000000000ull

static struct guest_view *make_view(unsigned step, uint32_t n_tasks)
{
	struct guest_view *view =
		guest_view_new("guest_memory", (10 + 2 * step) * SECOND, 2, n_tasks);
	struct guest_system *s = &view->system;

	s->uptime_ns = (100 + 2 * step) * SECOND;
	s->mem_total = 1000 << 20;
	s->mem_available = 600 << 20;
	s->mem_free = 500 << 20;
	s->swap_total = 100;
	s->swap_free = 40;
	s->faults = 1000 + 50 * step;
	s->major_faults = 10;
	s->load[0] = 1250;
	s->total.user_ns = 5 * SECOND + step * SECOND;
	s->total.nice_ns = step * SECOND / 2;
	s->total.system_ns = s->total.irq_ns = s->total.softirq_ns = SECOND + step * SECOND / 10;
	s->total.iowait_ns = ABSENT;
	s->total.run_delay_ns = step * 8 * SECOND;
	for (uint32_t i = 0; i < n_tasks; i++) {
		struct guest_task *t = &view->tasks[i];

		t->pid = i + 1;
		t->start_ns = i * SECOND;
		t->cpu_ns = SECOND + step * i * 10000000ull;
		t->rss = (uint64_t)(n_tasks - i) << 12;
		t->read_calls = 100 + step * 6;
		t->read_bytes = 100;
		t->threads = 1;
		snprintf(t->comm, sizeof(t->comm), "p%u", i + 1);
	}
	return view;
}

/* A snapshot of one VM with this view; the VM of the snapshot before may be NULL. */
static struct snap_vm *snap(struct kvmlens_snapshot *s, const struct snap_vm *before,
			    struct guest_view *view, enum kvmlens_level level)
{
	struct snap_vm *vm;

	entities_alloc(&s->vms, 1, sizeof(struct snap_vm));
	vm = entities_at(&s->vms, 0);
	vm->ident = vm_ident_new("a", NULL, 7, 8, false);
	vm->labels = labels_ref(vm->ident->labels);
	vm->level = level;
	guest_fill(vm, before, view);
	guest_view_unref(view);
	return vm;
}

static void test_totals_and_rates(void)
{
	struct kvmlens_snapshot *s[3] = {snapshot_new(), snapshot_new(), snapshot_new()};
	struct snap_vm *a = snap(s[0], NULL, make_view(0, 3), KVMLENS_STANDARD);
	struct snap_vm *b = snap(s[1], a, make_view(1, 3), KVMLENS_STANDARD);
	struct snap_vm *c;

	CU_ASSERT_EQUAL(a->guest.mem_used, 400 << 20);
	CU_ASSERT_DOUBLE_EQUAL(a->guest.mem_percent, 40, 1e-9);
	CU_ASSERT_EQUAL(a->guest.swap_used, 60);
	CU_ASSERT_EQUAL(a->guest.user_ns, 5 * SECOND);
	CU_ASSERT_EQUAL(a->guest.iowait_ns, ABSENT);
	CU_ASSERT_EQUAL(a->guest.processes, 3);
	CU_ASSERT_DOUBLE_EQUAL(a->guest.load1, 1.25, 1e-9);
	CU_ASSERT_TRUE(isnan(a->guest.user) && isnan(a->guest.faults_rate));
	/* 2 s later: 1.5 of 4 CPU seconds in user mode, 0.3 in the kernel, 8 waited on 2 CPUs. */
	CU_ASSERT_DOUBLE_EQUAL(b->guest.user, 37.5, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(b->guest.system, 7.5, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(b->guest.queue, 200, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(b->guest.faults_rate, 25, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(b->guest.major_rate, 0, 1e-9);
	CU_ASSERT_TRUE(isnan(b->guest.iowait));
	CU_ASSERT_EQUAL(b->processes.n, 0);
	/* A tick without a new look: the rates of the last two views stay. */
	c = snap(s[2], b, guest_view_ref(b->guest.view), KVMLENS_STANDARD);
	CU_ASSERT_PTR_EQUAL(c->guest.prev, a->guest.view);
	CU_ASSERT_DOUBLE_EQUAL(c->guest.user, 37.5, 1e-9);
	for (int i = 0; i < 3; i++)
		kvmlens_snapshot_unref(s[i]);
}

static void test_absent(void)
{
	struct kvmlens_snapshot *s = snapshot_new();
	struct snap_vm *vm = snap(s, NULL, NULL, KVMLENS_DIAGNOSTIC);
	struct metric_value value;

	for (size_t i = 0; i < n_metrics; i++) {
		const struct metric *m = &metrics[i];

		if (m->scope == SCOPE_VM && m->offset >= offsetof(struct snap_vm, guest) &&
		    m->offset < offsetof(struct snap_vm, info))
			CU_ASSERT_FALSE(metric_read(m, vm, &value));
	}
	kvmlens_snapshot_unref(s);
}

static void test_reboot(void)
{
	struct kvmlens_snapshot *s[2] = {snapshot_new(), snapshot_new()};
	struct guest_view *young = make_view(1, 3);
	struct snap_vm *a = snap(s[0], NULL, make_view(0, 3), KVMLENS_DETAILED), *b;

	young->system.uptime_ns = SECOND;
	b = snap(s[1], a, young, KVMLENS_DETAILED);
	CU_ASSERT_PTR_NULL(b->guest.prev);
	CU_ASSERT_TRUE(isnan(b->guest.user));
	CU_ASSERT_TRUE(isnan(((struct snap_process *)entities_at(&b->processes, 0))->cpu_usage));
	kvmlens_snapshot_unref(s[0]);
	kvmlens_snapshot_unref(s[1]);
}

/* 30 processes: the last ten use most CPU, the first ten most memory. */
static void test_top(void)
{
	struct kvmlens_snapshot *s[2] = {snapshot_new(), snapshot_new()};
	struct snap_vm *a = snap(s[0], NULL, make_view(0, 30), KVMLENS_DETAILED);
	struct snap_vm *b = snap(s[1], a, make_view(1, 30), KVMLENS_DETAILED);
	const struct snap_process *first, *last;

	CU_ASSERT_EQUAL_FATAL(b->processes.n, 20);
	first = entities_at(&b->processes, 0);
	last = entities_at(&b->processes, 19);
	CU_ASSERT_STRING_EQUAL(labels_get(first->labels, "comm"), "p1");
	CU_ASSERT_STRING_EQUAL(labels_get(first->labels, "pid"), "1");
	CU_ASSERT_STRING_EQUAL(labels_get(last->labels, "pid"), "30");
	CU_ASSERT_STRING_EQUAL(labels_get(last->labels, "vm"), "a");
	/* 290 ms in 2 s. */
	CU_ASSERT_DOUBLE_EQUAL(last->cpu_usage, 14.5, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(last->read_iops, 3, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(last->read_throughput, 0, 1e-9);
	CU_ASSERT_TRUE(isnan(last->write_iops));
	CU_ASSERT_EQUAL(last->open_files, ABSENT);
	CU_ASSERT_DOUBLE_EQUAL(last->run_time, 102 - 29, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(first->memory_percent, 100.0 * 30 * 4096 / (1000 << 20), 1e-9);
	kvmlens_snapshot_unref(s[0]);
	kvmlens_snapshot_unref(s[1]);
}

/* A pid that was given to another process has no rate, and at diagnostic all are there. */
static void test_reused_pid(void)
{
	struct kvmlens_snapshot *s[2] = {snapshot_new(), snapshot_new()};
	struct snap_vm *a = snap(s[0], NULL, make_view(0, 30), KVMLENS_DIAGNOSTIC), *b;
	struct guest_view *next = make_view(1, 30);
	const struct snap_process *p;

	next->tasks[29].start_ns = 101 * SECOND;
	b = snap(s[1], a, next, KVMLENS_DIAGNOSTIC);
	CU_ASSERT_EQUAL_FATAL(b->processes.n, 30);
	p = entities_at(&b->processes, 29);
	CU_ASSERT_TRUE(isnan(p->cpu_usage) && isnan(p->read_iops));
	p = entities_at(&b->processes, 28);
	CU_ASSERT_FALSE(isnan(p->cpu_usage));
	kvmlens_snapshot_unref(s[0]);
	kvmlens_snapshot_unref(s[1]);
}

static json_t *sample(const char *name)
{
	g_autofree char *path =
		g_strdup_printf("%s/tests/data/agent/%s.json", getenv("TOP") ?: ".", name);
	g_autofree char *text = NULL;
	json_t *value = NULL;
	gsize len;

	CU_ASSERT_FATAL(g_file_get_contents(path, &text, &len, NULL));
	CU_ASSERT_EQUAL_FATAL(ga_reply_parse(text, len, &value), 0);
	return value;
}

static const struct snap_space *space_at(const struct snap_vm *vm, const char *mount)
{
	for (size_t i = 0; i < vm->spaces.n; i++) {
		const struct snap_space *space = entities_at(&vm->spaces, i);

		if (!g_strcmp0(labels_get(space->labels, "mount"), mount))
			return space;
	}
	return NULL;
}

/* Ubuntu's snaps and media beside three file systems and the image of a disk that has none. */
static void fill_spaces(struct snap_vm *vm, enum kvmlens_level level)
{
	g_autoptr(GPtrArray) macs = g_ptr_array_new();
	g_autoptr(ga_result) result = ga_result_new();
	json_auto_t *value = sample("fsinfo-snaps");
	struct vmlabels *labels = vmlabels_new(NULL, 0);
	struct kvmlens_vm_stats stats;

	CU_ASSERT_EQUAL(ga_reply_fsinfo(value, result), 0);
	vmlabels_begin(labels);
	kvmlens_vm_stats_init(&stats);
	kvmlens_vm_stats_add_disk(&stats, "vdq")->capacity = 4096;
	vm->level = level;
	disks_fill(labels, &stats, 7, vm);
	guest_agent_fill(vm, result, macs);
	kvmlens_vm_stats_clear(&stats);
	vmlabels_free(labels);
}

static void test_agent_spaces(void)
{
	struct kvmlens_snapshot *s[2] = {snapshot_new(), snapshot_new()};
	struct snap_vm *few = snap(s[0], NULL, NULL, KVMLENS_STANDARD);
	struct snap_vm *all = snap(s[1], NULL, NULL, KVMLENS_DETAILED);
	const struct snap_space *space;

	fill_spaces(few, KVMLENS_STANDARD);
	fill_spaces(all, KVMLENS_DETAILED);
	/* The three largest are of those that can fill up. */
	CU_ASSERT_EQUAL(few->spaces.n, 4);
	CU_ASSERT_PTR_NOT_NULL(space_at(few, NULL)); /* the image */
	CU_ASSERT_PTR_NOT_NULL(space_at(few, "/boot/efi"));
	CU_ASSERT_PTR_NOT_NULL(space_at(few, "/srv"));
	space = space_at(few, "/");
	CU_ASSERT_PTR_NOT_NULL_FATAL(space);
	CU_ASSERT_STRING_EQUAL(labels_get(space->labels, "fstype"), "ext4");
	CU_ASSERT_DOUBLE_EQUAL(space->percent, 100 * 1713986816.0 / 3013986816.0, 1e-9);
	CU_ASSERT_EQUAL(space->size, ABSENT); /* an old agent does not know what is root's */
	CU_ASSERT_EQUAL(space_at(few, "/srv")->size, 5368709120);
	CU_ASSERT_EQUAL(all->spaces.n, 7);
	space = space_at(all, "/snap/core22/9");
	CU_ASSERT_PTR_NOT_NULL_FATAL(space);
	CU_ASSERT_EQUAL(space->used, 78070336);
	CU_ASSERT_TRUE(isnan(space->percent));
	CU_ASSERT_TRUE(isnan(space_at(all, "/media/cdrom")->percent));
	CU_ASSERT_TRUE(isnan(space_at(all, "/mnt/dvd")->percent));
	kvmlens_snapshot_unref(s[0]);
	kvmlens_snapshot_unref(s[1]);
}

/* oracle: vm_left_out: the cards of the agent's reply, less those that are shown */
/* A guest with a card for each container: the VM's own is shown, the others as far as they fit. */
static void test_agent_cards(void)
{
	struct kvmlens_snapshot *s = snapshot_new();
	struct snap_vm *vm = snap(s, NULL, NULL, KVMLENS_DETAILED);
	g_autoptr(GPtrArray) macs = g_ptr_array_new();
	g_autoptr(ga_result) result = ga_result_new();
	json_auto_t *many = json_array();
	const struct snap_card *own;

	for (int i = 0; i <= 300; i++) {
		g_autofree char *name = g_strdup_printf("veth%d", i);
		g_autofree char *mac = g_strdup_printf("BC:24:11:00:%02X:%02X", i >> 8, i & 255);

		json_array_append_new(many, json_pack("{s:s,s:s,s:{s:i}}", "name", name,
						      "hardware-address", mac, "statistics",
						      "rx-errs", i));
	}
	CU_ASSERT_EQUAL(ga_reply_interfaces(many, result), 0);
	g_ptr_array_add(macs, "bc:24:11:00:01:2c");
	guest_agent_fill(vm, result, macs);
	CU_ASSERT_EQUAL_FATAL(vm->cards.n, GUEST_NICS_SHOWN);
	own = entities_at(&vm->cards, 0);
	CU_ASSERT_STRING_EQUAL(labels_get(own->labels, "interface"), "veth300");
	CU_ASSERT_EQUAL(own->rx_errors, 300);
	CU_ASSERT_EQUAL(vm->beyond[LEFT_OUT_GUEST_INTERFACES], 301 - GUEST_NICS_SHOWN);
	kvmlens_snapshot_unref(s);
}

/* What the agent does not know is no label, and what its guest does not say no value. */
static void test_agent_processes(void)
{
	static const char text[] =
		"n:1\n5/stat:5 (a) S 1 0 0 0 -1 0 0 0 0 0 1 0 0 0 20 0 1 0 6 0 9 0\n";
	struct kvmlens_snapshot *s = snapshot_new();
	g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(struct guest_task));
	struct guest_view *view;
	const struct snap_process *p;
	struct snap_vm *vm;
	uint64_t left_out;

	ga_text_tasks(text, strlen(text), 0, tasks, &left_out);
	CU_ASSERT_EQUAL_FATAL(tasks->len, 1);
	view = guest_view_new("guest_agent", SECOND, 1, 1);
	view->tasks[0] = g_array_index(tasks, struct guest_task, 0);
	vm = snap(s, NULL, view, KVMLENS_DETAILED);
	CU_ASSERT_EQUAL_FATAL(vm->processes.n, 1);
	p = entities_at(&vm->processes, 0);
	CU_ASSERT_PTR_NULL(labels_get(p->labels, "cgroup"));
	CU_ASSERT_STRING_EQUAL(labels_get(p->labels, "comm"), "a");
	CU_ASSERT_EQUAL(p->queue_ns, ABSENT);
	CU_ASSERT_EQUAL(p->open_files, ABSENT);
	CU_ASSERT_TRUE(isnan(p->read_iops));
	kvmlens_snapshot_unref(s);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"totals and rates", test_totals_and_rates},
		{"absent", test_absent},
		{"reboot", test_reboot},
		{"top", test_top},
		{"reused pid", test_reused_pid},
		{"file systems by the agent", test_agent_spaces},
		{"cards by the agent", test_agent_cards},
		{"processes by the agent", test_agent_processes},
		CU_TEST_INFO_NULL,
	};

	return suite_run("guest values", tests);
}
