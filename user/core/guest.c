// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#include "core/guest.h"
#include "core/rates.h"

/*
 * Two sources are rarely of the same moment (the balloon's report may be seconds old) or of the
 * same resolution (/proc/stat counts in ticks of 10 ms), and the guest's kernel itself corrects its
 * iowait downwards. No counter shows that: until the guest boots again it keeps the most that it
 * has shown.
 */
static const size_t counters[] = {
	offsetof(struct snap_guest, faults), /* the first: every source counts it, exactly */
	offsetof(struct snap_guest, major_faults), offsetof(struct snap_guest, swap_in),
	offsetof(struct snap_guest, swap_out),	   offsetof(struct snap_guest, user_ns),
	offsetof(struct snap_guest, system_ns),	   offsetof(struct snap_guest, iowait_ns),
	offsetof(struct snap_guest, steal_ns),	   offsetof(struct snap_guest, queue_ns),
};
_Static_assert(G_N_ELEMENTS(counters) == GUEST_COUNTERS, "each has its floor");

/* The time of a balloon's report is known to a second, and so is the moment of a look to some. */
#define SLACK_NS 2000000000ull
#define SAME_START_NS 20000000ull /* agents see a process's start in ticks of 10 ms */

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a == ABSENT || b == ABSENT ? ABSENT : a + b;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a == ABSENT || b == ABSENT || a < b ? ABSENT : a - b;
}

static double percent_of(uint64_t part, uint64_t whole)
{
	if (part == ABSENT || whole == ABSENT || !whole)
		return NAN;
	return 100.0 * (double)part / (double)whole;
}

static double load_of(uint64_t thousandths)
{
	return thousandths == ABSENT ? NAN : (double)thousandths / 1000;
}

static void nothing_known(struct snap_guest *g)
{
	*g = (struct snap_guest){
		.mem_total = ABSENT,
		.mem_used = ABSENT,
		.mem_free = ABSENT,
		.mem_available = ABSENT,
		.swap_total = ABSENT,
		.swap_used = ABSENT,
		.faults = ABSENT,
		.major_faults = ABSENT,
		.swap_in = ABSENT,
		.swap_out = ABSENT,
		.user_ns = ABSENT,
		.system_ns = ABSENT,
		.iowait_ns = ABSENT,
		.steal_ns = ABSENT,
		.queue_ns = ABSENT,
		.uptime_ns = ABSENT,
		.processes = ABSENT,
		.left_out = ABSENT,
		.mem_percent = NAN,
		.faults_rate = NAN,
		.major_rate = NAN,
		.user = NAN,
		.system = NAN,
		.iowait = NAN,
		.steal = NAN,
		.queue = NAN,
		.load1 = NAN,
		.load5 = NAN,
		.load15 = NAN,
	};
}

/* Of 4 KiB: what is read of guests' memory is x86. */
static uint64_t pages(uint64_t n)
{
	return n == ABSENT ? ABSENT : n * 4096;
}

static uint64_t user_of(const struct guest_view *view)
{
	return sum(view->system.total.user_ns, view->system.total.nice_ns);
}

static uint64_t system_of(const struct guest_view *view)
{
	const struct guest_cpu *c = &view->system.total;

	return sum(c->system_ns, sum(c->irq_ns, c->softirq_ns));
}

static void fill_totals(struct snap_guest *g, const struct guest_view *view)
{
	const struct guest_system *s = &view->system;

	g->mem_total = s->mem_total;
	g->mem_free = s->mem_free;
	g->mem_available = s->mem_available;
	g->mem_used = less(s->mem_total, s->mem_available);
	g->mem_percent = percent_of(g->mem_used, g->mem_total);
	g->swap_total = s->swap_total;
	g->swap_used = less(s->swap_total, s->swap_free);
	g->faults = s->faults;
	g->major_faults = s->major_faults;
	g->swap_in = pages(s->swap_in_pages);
	g->swap_out = pages(s->swap_out_pages);
	g->user_ns = user_of(view);
	g->system_ns = system_of(view);
	g->iowait_ns = s->total.iowait_ns;
	g->steal_ns = s->total.steal_ns;
	g->queue_ns = s->total.run_delay_ns;
	g->uptime_ns = s->uptime_ns;
	g->processes = view->tasks_unknown ? ABSENT : view->n_tasks;
	g->left_out = view->tasks_left_out;
	g->load1 = load_of(s->load[0]);
	g->load5 = load_of(s->load[1]);
	g->load15 = load_of(s->load[2]);
}

static uint64_t time_between(const struct guest_view *view, const struct guest_view *prev)
{
	return prev && view->mono_ns > prev->mono_ns ? view->mono_ns - prev->mono_ns : 0;
}

static void fill_rates(struct snap_guest *g)
{
	const struct guest_system *was = &g->prev->system;
	uint64_t ns = time_between(g->view, g->prev);
	uint32_t cpus = g->view->n_cpus + g->view->cpus_left_out;

	g->faults_rate = rate_per_second(g->faults, was->faults, ns);
	g->major_rate = rate_per_second(g->major_faults, was->major_faults, ns);
	g->user = rate_percent(g->user_ns, user_of(g->prev), ns, cpus);
	g->system = rate_percent(g->system_ns, system_of(g->prev), ns, cpus);
	g->iowait = rate_percent(g->iowait_ns, was->total.iowait_ns, ns, cpus);
	g->steal = rate_percent(g->steal_ns, was->total.steal_ns, ns, cpus);
	/* More than one task can wait at a time: no upper bound. */
	g->queue = cpus && ns ? 100 * rate_delta(g->queue_ns, was->total.run_delay_ns) /
					((double)ns * cpus)
			      : NAN;
}

static uint64_t *counter_of(struct snap_guest *g, size_t i)
{
	return (uint64_t *)((char *)g + counters[i]);
}

/* A report that was made before the guest booted, as another source has seen it. */
static bool is_of_former_boot(const struct guest_floor *floor, const struct guest_view *view)
{
	return floor->uptime_ns != ABSENT && floor->uptime_at_ns > floor->uptime_ns &&
	       view->mono_ns + SLACK_NS < floor->uptime_at_ns - floor->uptime_ns;
}

/* Has the guest booted since? Where no uptime tells, only a newer count that is lower does. */
static bool is_rebooted(const struct guest_floor *floor, const struct guest_view *view)
{
	const struct guest_system *s = &view->system;
	bool fewer =
		s->faults != ABSENT && floor->value[0] != ABSENT && s->faults < floor->value[0];

	if (s->uptime_ns == ABSENT || floor->uptime_ns == ABSENT)
		return fewer && view->mono_ns > floor->faults_at_ns + SLACK_NS;
	if (s->uptime_ns + SLACK_NS / 2 < floor->uptime_ns)
		return true;
	/* It may be up for longer than then, and yet not since then. */
	return fewer && view->mono_ns > floor->uptime_at_ns &&
	       s->uptime_ns + SLACK_NS < view->mono_ns - floor->uptime_at_ns;
}

static void forget_floor(struct guest_floor *floor)
{
	memset(floor, 0xff, sizeof(*floor)); /* ABSENT */
}

/* After rates, which compare what the source itself has said. */
static void hold_counters(struct snap_guest *g)
{
	struct guest_floor *floor = &g->floor;

	if (g->faults != ABSENT && (floor->value[0] == ABSENT || g->faults >= floor->value[0]))
		floor->faults_at_ns = g->view->mono_ns;
	for (size_t i = 0; i < GUEST_COUNTERS; i++) {
		uint64_t *value = counter_of(g, i);

		if (*value == ABSENT)
			continue;
		if (floor->value[i] == ABSENT || *value > floor->value[i])
			floor->value[i] = *value;
		*value = floor->value[i];
	}
	if (g->uptime_ns != ABSENT) {
		floor->uptime_ns = g->uptime_ns;
		floor->uptime_at_ns = g->view->mono_ns;
	}
}

/* The view before this one, of the same source and boot. */
static struct guest_view *previous_view(const struct guest_view *view, const struct snap_vm *before)
{
	struct guest_view *prev;

	if (!before || !before->guest.view)
		return NULL;
	prev = before->guest.view == view ? before->guest.prev : before->guest.view;
	if (!prev || prev->source != view->source)
		return NULL;
	/* After a reboot counters are not to be compared, even where they are higher. */
	if (view->system.uptime_ns != ABSENT && prev->system.uptime_ns != ABSENT &&
	    view->system.uptime_ns < prev->system.uptime_ns)
		return NULL;
	return guest_view_ref(prev);
}

/* A process of this view with the same one in the view before. */
struct pair {
	const struct guest_task *now, *was; /* was NULL: it is new */
	double cpu;
	bool chosen;
};

static GHashTable *tasks_by_pid(const struct guest_view *view)
{
	GHashTable *table = g_hash_table_new(NULL, NULL);

	for (uint32_t i = 0; view && i < view->n_tasks; i++)
		g_hash_table_insert(table, GUINT_TO_POINTER(view->tasks[i].pid), &view->tasks[i]);
	return table;
}

static struct pair *make_pairs(const struct snap_guest *g, uint64_t ns)
{
	struct pair *pairs = g_new0(struct pair, g->view->n_tasks + 1);
	g_autoptr(GHashTable) before = tasks_by_pid(g->prev);

	for (uint32_t i = 0; i < g->view->n_tasks; i++) {
		const struct guest_task *now = &g->view->tasks[i];
		const struct guest_task *was =
			g_hash_table_lookup(before, GUINT_TO_POINTER(now->pid));

		if (was && was->start_ns != now->start_ns)
			was = NULL;
		pairs[i].now = now;
		pairs[i].was = was;
		pairs[i].cpu =
			was && ns ? 100 * rate_delta(now->cpu_ns, was->cpu_ns) / (double)ns : NAN;
	}
	return pairs;
}

static uint64_t known(uint64_t value)
{
	return value == ABSENT ? 0 : value;
}

static int by_cpu(const void *a, const void *b)
{
	const struct pair *x = *(struct pair *const *)a, *y = *(struct pair *const *)b;
	double dx = isnan(x->cpu) ? 0 : x->cpu, dy = isnan(y->cpu) ? 0 : y->cpu;
	uint64_t tx = known(x->now->cpu_ns), ty = known(y->now->cpu_ns);

	if (dx != dy)
		return dx < dy ? 1 : -1;
	return (tx < ty) - (tx > ty);
}

static int by_memory(const void *a, const void *b)
{
	const struct pair *x = *(struct pair *const *)a, *y = *(struct pair *const *)b;
	uint64_t mx = known(x->now->rss), my = known(y->now->rss);

	return (mx < my) - (mx > my);
}

static size_t choose(struct pair *pairs, uint32_t n, unsigned most)
{
	g_autofree struct pair **order = g_new(struct pair *, n + 1);
	int (*const rules[])(const void *, const void *) = {by_cpu, by_memory};
	size_t chosen = 0;

	for (uint32_t i = 0; i < n; i++)
		order[i] = &pairs[i];
	for (unsigned rule = 0; rule < G_N_ELEMENTS(rules); rule++) {
		qsort(order, n, sizeof(order[0]), rules[rule]);
		for (uint32_t i = 0; i < n && i < most; i++) {
			chosen += !order[i]->chosen;
			order[i]->chosen = true;
		}
	}
	return chosen;
}

static struct labels *labels_of(const struct snap_vm *vm, const struct guest_task *task)
{
	char pid[16];
	struct kvmlens_tag tags[] = {{"pid", pid}, {"comm", task->comm}, {"cgroup", task->cgroup}};

	snprintf(pid, sizeof(pid), "%u", task->pid);
	return labels_new(vm->labels, tags, G_N_ELEMENTS(tags) - !task->cgroup[0]);
}

static double run_time(const struct snap_guest *g, const struct guest_task *task)
{
	if (g->uptime_ns == ABSENT || task->start_ns == ABSENT)
		return NAN;
	/* The guest's clock is as of its last tick: a new process can seem to begin after it. */
	return g->uptime_ns > task->start_ns ? (double)(g->uptime_ns - task->start_ns) / 1e9 : 0;
}

static void fill_process(const struct snap_vm *vm, const struct pair *pair, uint64_t ns,
			 struct snap_process *p)
{
	static const struct guest_task unknown = {.read_calls = ABSENT,
						  .write_calls = ABSENT,
						  .read_bytes = ABSENT,
						  .write_bytes = ABSENT};
	const struct guest_task *now = pair->now, *was = pair->was ?: &unknown;

	p->labels = labels_of(vm, now);
	p->cpu_usage = pair->cpu;
	p->memory = now->rss;
	p->memory_percent = percent_of(now->rss, vm->guest.mem_total);
	p->read_iops = rate_per_second(now->read_calls, was->read_calls, ns);
	p->write_iops = rate_per_second(now->write_calls, was->write_calls, ns);
	p->read_throughput = rate_per_second(now->read_bytes, was->read_bytes, ns);
	p->write_throughput = rate_per_second(now->write_bytes, was->write_bytes, ns);
	p->open_files = now->open_files;
	p->run_time = run_time(&vm->guest, now);
	p->cpu_ns = now->cpu_ns;
	p->queue_ns = p->queue_read_ns = now->run_delay_ns;
	p->threads = now->threads;
	p->pid = now->pid;
	p->start_ns = now->start_ns;
}

static bool is_same_process(const struct snap_process *a, const struct snap_process *b)
{
	uint64_t low = MIN(a->start_ns, b->start_ns), high = MAX(a->start_ns, b->start_ns);

	return a->pid == b->pid && high - low <= SAME_START_NS;
}

/* Counters of a process go on where they were shown last, whichever source that was of. */
static void hold_process(struct snap_process *p, const struct snap_process *was)
{
	if (p->cpu_ns != ABSENT && was->cpu_ns != ABSENT)
		p->cpu_ns = MAX(p->cpu_ns, was->cpu_ns);
	p->queue_lost_ns = was->queue_lost_ns;
	if (p->queue_ns == ABSENT) {
		p->queue_read_ns = was->queue_read_ns;
		return;
	}
	if (was->queue_read_ns != ABSENT && was->queue_read_ns > p->queue_read_ns)
		p->queue_lost_ns += was->queue_read_ns - p->queue_read_ns;
	p->queue_ns += p->queue_lost_ns;
}

/* Both are in the order of pids. */
static void hold_processes(struct snap_vm *vm, const struct snap_vm *before)
{
	for (size_t i = 0, j = 0; i < vm->processes.n; i++) {
		struct snap_process *p = entities_at(&vm->processes, i), *was = NULL;

		for (; j < before->processes.n; j++) {
			was = entities_at(&before->processes, j);
			if (was->pid >= p->pid)
				break;
		}
		if (j < before->processes.n && is_same_process(p, was))
			hold_process(p, was);
	}
}

static int by_pid(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return (x->now->pid > y->now->pid) - (x->now->pid < y->now->pid);
}

static void fill_processes(struct snap_vm *vm)
{
	const struct guest_view *view = vm->guest.view;
	uint64_t ns = time_between(view, vm->guest.prev);
	g_autofree struct pair *pairs = make_pairs(&vm->guest, ns);
	size_t n = choose(pairs, view->n_tasks,
			  vm->level >= KVMLENS_DIAGNOSTIC ? GUEST_PROCESSES_SHOWN / 2 : GUEST_TOP);
	size_t at = 0;

	qsort(pairs, view->n_tasks, sizeof(pairs[0]), by_pid);
	entities_alloc(&vm->processes, n, sizeof(struct snap_process));
	for (uint32_t i = 0; i < view->n_tasks && at < n; i++) {
		if (pairs[i].chosen)
			fill_process(vm, &pairs[i], ns, entities_at(&vm->processes, at++));
	}
}

void guest_fill(struct snap_vm *vm, const struct snap_vm *before, struct guest_view *view)
{
	bool same_boot = false;

	nothing_known(&vm->guest);
	forget_floor(&vm->guest.floor);
	if (before)
		vm->guest.floor = before->guest.floor;
	if (!view || is_of_former_boot(&vm->guest.floor, view))
		return;
	vm->guest.view = guest_view_ref(view);
	vm->guest.prev = previous_view(view, before);
	if (is_rebooted(&vm->guest.floor, view))
		forget_floor(&vm->guest.floor);
	else
		same_boot = before;
	fill_totals(&vm->guest, view);
	if (vm->guest.prev)
		fill_rates(&vm->guest);
	hold_counters(&vm->guest);
	if (vm->level < KVMLENS_DETAILED)
		return;
	fill_processes(vm);
	if (same_boot)
		hold_processes(vm, before);
}
