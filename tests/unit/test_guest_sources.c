// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's counters while their source changes: one guest by what its agent and its balloon have
 * really replied, where the balloon's report is older than the files that the agent read. What is
 * read of the guest's memory at that moment is what the agent read, and what its ticks of 10 ms
 * leave out.
 */
#include <stdio.h>
#include <string.h>
#include "core/balloon.h"
#include "core/guest.h"
#include "guest/ga_text.h"
#include "unit/replies.h"
#include "unit/suite.h"

#define S 1000000000ull
#define MS 1000000ull
#define AT (5000 * S) /* host's clock when the agent replied */
#define EPOCH 1700000000

/* As /proc/vmstat of the agent's reply and the balloon's report have it. */
#define AGENT_FAULTS 1896u
#define BALLOON_FAULTS 1842u

static struct kvmlens_snapshot *now; /* of the last tick */

static struct snap_vm *vm_of(struct kvmlens_snapshot *snapshot)
{
	return snapshot ? entities_at(&snapshot->vms, 0) : NULL;
}

/* A tick with that view, which it takes; the guest as it shows it. */
static const struct snap_guest *tick(struct guest_view *view)
{
	struct kvmlens_snapshot *before = now;
	struct snap_vm *vm;

	now = snapshot_new();
	entities_alloc(&now->vms, 1, sizeof(struct snap_vm));
	vm = vm_of(now);
	vm->ident = vm_ident_new("a", NULL, 7, 8, false);
	vm->labels = labels_ref(vm->ident->labels);
	vm->level = KVMLENS_DETAILED;
	guest_fill(vm, vm_of(before), view);
	guest_view_unref(view);
	if (before)
		kvmlens_snapshot_unref(before);
	return &vm->guest;
}

static const struct snap_process *process(void)
{
	CU_ASSERT_EQUAL_FATAL(vm_of(now)->processes.n, 1);
	return entities_at(&vm_of(now)->processes, 0);
}

static void end(void)
{
	kvmlens_snapshot_unref(now);
	now = NULL;
}

static struct guest_view *agent(uint64_t mono_ns)
{
	g_autoptr(GString) data = g_string_new(NULL);
	g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(struct guest_cpu));
	struct guest_view *view = guest_view_new("guest_agent", mono_ns, 0, 1);

	replies_agent_file("file-read_proc_stat", data);
	ga_text_stat(data->str, data->len, &view->system.total, cpus);
	replies_agent_file("file-read_proc_vmstat", data);
	ga_text_vmstat(data->str, data->len, &view->system);
	replies_agent_file("file-read_proc_uptime", data);
	ga_text_uptime(data->str, data->len, &view->system);
	view->tasks[0].pid = 1;
	view->tasks[0].start_ns = 20 * MS;
	view->tasks[0].cpu_ns = 120 * MS;
	return view;
}

static struct guest_view *memory(uint64_t mono_ns)
{
	struct guest_view *view = agent(mono_ns);
	struct guest_cpu *total = &view->system.total;

	view->source = "guest_memory";
	total->user_ns += 9 * MS;
	total->system_ns += 3 * MS;
	total->iowait_ns += 7 * MS;
	total->steal_ns += 1 * MS;
	total->run_delay_ns = 2 * S;
	view->tasks[0].start_ns = 26 * MS;
	view->tasks[0].cpu_ns = 127 * MS;
	view->tasks[0].run_delay_ns = 50 * MS;
	return view;
}

/* A report that came at that moment; faults 0: as it really was. */
static struct guest_view *balloon(uint64_t mono_ns, uint64_t faults)
{
	g_autofree char *text = replies_libvirt("domstats-vm1.txt");
	struct kvmlens_vm_stats stats = replies_domstats(text, NULL);
	struct balloon_now at = {EPOCH, mono_ns, S};
	struct snap_vm vm = {.level = KVMLENS_STANDARD};
	struct guest_view *view;

	stats.memory.last_update = EPOCH;
	if (faults)
		stats.memory.minor_faults = faults;
	balloon_fill(&stats.memory, mono_ns, &at, NULL, &vm);
	view = balloon_view(&stats.memory, &at, NULL, &vm);
	kvmlens_vm_stats_clear(&stats);
	return view;
}

static void test_replies(void)
{
	const struct snap_guest *g = tick(agent(AT));

	CU_ASSERT_EQUAL(g->faults, AGENT_FAULTS);
	CU_ASSERT_EQUAL(g->user_ns, 240 * MS);
	end();
	g = tick(balloon(AT, 0));
	CU_ASSERT_EQUAL(g->faults, BALLOON_FAULTS);
	end();
}

/* Memory, a gap, the agent, the balloon and back: nothing falls, and what grows is shown. */
static void test_change(void)
{
	const struct snap_guest *g = tick(memory(AT));
	struct guest_view *view;

	CU_ASSERT_EQUAL(g->user_ns, 249 * MS);
	g = tick(NULL);
	CU_ASSERT_EQUAL(g->user_ns, ABSENT);
	CU_ASSERT_EQUAL(g->faults, ABSENT);
	g = tick(agent(AT + 50 * MS));
	CU_ASSERT_EQUAL(g->faults, AGENT_FAULTS);
	CU_ASSERT_EQUAL(g->user_ns, 249 * MS);
	CU_ASSERT_EQUAL(g->system_ns, 4923 * MS); /* 472 ticks and 20 of softirq, and 3 ms */
	CU_ASSERT_EQUAL(g->iowait_ns, 7 * MS);
	CU_ASSERT_EQUAL(g->steal_ns, 1 * MS);
	CU_ASSERT_EQUAL(g->queue_ns, ABSENT);
	g = tick(balloon(AT - 3 * S, 0));
	CU_ASSERT_EQUAL(g->faults, AGENT_FAULTS);
	CU_ASSERT_EQUAL(g->user_ns, ABSENT);
	g = tick(balloon(AT + 4 * S, AGENT_FAULTS + 10));
	CU_ASSERT_EQUAL(g->faults, AGENT_FAULTS + 10);
	view = memory(AT + 5 * S);
	view->system.uptime_ns += 5 * S;
	view->system.faults += 20;
	view->system.total.user_ns += 20 * MS;
	g = tick(view);
	CU_ASSERT_EQUAL(g->faults, AGENT_FAULTS + 20);
	CU_ASSERT_EQUAL(g->user_ns, 269 * MS);
	CU_ASSERT_EQUAL(g->queue_ns, 2 * S);
	end();
}

/* The guest's kernel corrects its iowait downwards: the rate is unknown then, the counter stays. */
static void test_iowait(void)
{
	const struct snap_guest *g = tick(memory(AT));
	struct guest_view *view = memory(AT + S);

	view->system.uptime_ns += S;
	view->system.total.iowait_ns -= 5 * MS;
	g = tick(view);
	CU_ASSERT_EQUAL(g->iowait_ns, 7 * MS);
	end();
}

static struct guest_view *young(uint64_t mono_ns, uint64_t uptime_ns, uint64_t faults)
{
	struct guest_view *view = memory(mono_ns);

	view->system.uptime_ns = uptime_ns;
	view->system.faults = faults;
	view->system.total.user_ns = 30 * MS;
	view->tasks[0].cpu_ns = 10 * MS;
	return view;
}

/* A boot starts counters anew, and a report from before it is none of this guest any more. */
static void test_reboot(void)
{
	const struct snap_guest *g = tick(memory(AT));

	g = tick(young(AT + 20 * S, 3 * S, 500));
	CU_ASSERT_EQUAL(g->faults, 500);
	CU_ASSERT_EQUAL(g->user_ns, 30 * MS);
	CU_ASSERT_EQUAL(process()->cpu_ns, 10 * MS);
	g = tick(balloon(AT + 10 * S, 0));
	CU_ASSERT_EQUAL(g->faults, ABSENT);
	g = tick(balloon(AT + 30 * S, 450)); /* another boot, without an uptime */
	CU_ASSERT_EQUAL(g->faults, 450);
	end();
	/* Up for longer than it was, but not since then. */
	tick(young(AT, 10 * S, 500));
	g = tick(young(AT + 60 * S, 30 * S, 400));
	CU_ASSERT_EQUAL(g->faults, 400);
	end();
	tick(balloon(AT, 0));
	g = tick(balloon(AT + 10 * S, 300));
	CU_ASSERT_EQUAL(g->faults, 300);
	end();
}

/*
 * A process's CPU time in ticks is no less than what was shown; a thread takes its waiting along.
 */
static void test_processes(void)
{
	struct guest_view *view;

	tick(memory(AT));
	CU_ASSERT_EQUAL(process()->cpu_ns, 127 * MS);
	CU_ASSERT_EQUAL(process()->queue_ns, 50 * MS);
	tick(agent(AT + 50 * MS));
	CU_ASSERT_EQUAL(process()->cpu_ns, 127 * MS);
	CU_ASSERT_EQUAL(process()->queue_ns, ABSENT);
	tick(memory(AT + 100 * MS));
	CU_ASSERT_EQUAL(process()->queue_ns, 50 * MS);
	view = memory(AT + 200 * MS);
	view->tasks[0].run_delay_ns = 20 * MS;
	tick(view);
	CU_ASSERT_EQUAL(process()->queue_ns, 50 * MS);
	view = memory(AT + 300 * MS);
	view->tasks[0].run_delay_ns = 25 * MS;
	tick(view);
	CU_ASSERT_EQUAL(process()->queue_ns, 55 * MS);
	tick(agent(AT + 350 * MS));
	view = memory(AT + 390 * MS);
	view->tasks[0].run_delay_ns = 26 * MS;
	tick(view);
	CU_ASSERT_EQUAL(process()->queue_ns, 56 * MS);
	view = memory(AT + 400 * MS); /* the pid is another's now */
	view->tasks[0].start_ns = 58 * S;
	view->tasks[0].cpu_ns = MS;
	view->tasks[0].run_delay_ns = MS;
	tick(view);
	CU_ASSERT_EQUAL(process()->cpu_ns, MS);
	CU_ASSERT_EQUAL(process()->queue_ns, MS);
	end();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"replies", test_replies},     {"a source changes", test_change},
		{"iowait", test_iowait},       {"reboot", test_reboot},
		{"processes", test_processes}, CU_TEST_INFO_NULL,
	};

	return suite_run("guest sources", tests);
}
