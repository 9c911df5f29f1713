// SPDX-License-Identifier: Apache-2.0
/* When a VM stalls, what for, and what is remembered of it. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include "core/stall.h"
#include "core/stall_look.h"
#include "core/stall_vm.h"
#include "unit/suite.h"

#define MS 1000000ull

static void test_since(void)
{
	struct stall_vcpu v[] = {
		{.state = SCHED_STATE_HALTED, .since = 100},
		{.state = SCHED_STATE_PREEMPTED, .since = 70},
	};

	/* The halted one ran last: before that the VM made progress. */
	CU_ASSERT_EQUAL(stall_since(v, 2), 100);
	v[0].since = 50;
	CU_ASSERT_EQUAL(stall_since(v, 2), 70);
	v[1].state = SCHED_STATE_BLOCKED;
	CU_ASSERT_EQUAL(stall_since(v, 2), 70);
	v[1].state = SCHED_STATE_HALTED;
	CU_ASSERT_EQUAL(stall_since(v, 2), 0);
	v[0].queued = 120;
	CU_ASSERT_EQUAL(stall_since(v, 2), 120);
	v[0].state = SCHED_STATE_RUNNING;
	CU_ASSERT_EQUAL(stall_since(v, 2), 0);
	v[0].state = SCHED_STATE_UNKNOWN;
	CU_ASSERT_EQUAL(stall_since(v, 2), 0);
	CU_ASSERT_EQUAL(stall_since(v, 0), 0);
}

static void test_end(void)
{
	struct stall_vcpu before[] = {
		{.state = SCHED_STATE_PREEMPTED, .since = 70, .run_ns = 10, .switches = 1},
		{.state = SCHED_STATE_HALTED, .since = 60, .run_ns = 10, .switches = 1},
	};
	struct stall_vcpu now[2];

	memcpy(now, before, sizeof(now));
	CU_ASSERT_EQUAL(stall_end(before, now, 2, 500), 500);
	now[0] = (struct stall_vcpu){SCHED_STATE_RUNNING, 300, 0, 10, 2};
	CU_ASSERT_EQUAL(stall_end(before, now, 2, 500), 300);
	/* It has run, and been switched out again. */
	now[1] = (struct stall_vcpu){SCHED_STATE_HALTED, 290, 0, 40, 2};
	CU_ASSERT_EQUAL(stall_end(before, now, 2, 500), 260);
}

static void check_call(const char *text, enum stall_call call, uint64_t arg)
{
	struct stall_thread t = {.call = CALL_OTHER, .arg = 4711};

	stall_parse_call(text, &t);
	CU_ASSERT_EQUAL(t.call, call);
	CU_ASSERT_EQUAL(t.arg, arg);
}

static void test_calls(void)
{
	check_call("running\n", CALL_UNKNOWN, 0);
	check_call("", CALL_UNKNOWN, 0);
	check_call("12x34", CALL_UNKNOWN, 0);
	check_call("-1 0x7ffe 0x5555\n", CALL_NONE, 0x7ffe);
#ifdef __x86_64__
	/* glibc's condition variable and mutex, and those of Rust's library. */
	check_call("202 0x55da434983d8 0x189 0x0 0x0 0x0 0xffffffff 0x1 0x2\n", CALL_REST,
		   0x55da434983d8);
	check_call("202 0x55da434983d8 0x80 0x2 0x0 0x0 0x0 0x1 0x2\n", CALL_FUTEX, 0x55da434983d8);
	check_call("202 0x10 0x89 0xffffffff 0x0 0x0 0xffffffff 0x1 0x2\n", CALL_REST, 0x10);
	check_call("202 0x10 0x89 0x2 0x0 0x0 0xffffffff 0x1 0x2\n", CALL_FUTEX, 0x10);
	check_call("16 0xd 0xae80 0x0 0x0 0x0 0x0 0x0 0x0", CALL_RUN, 0xd);
	check_call("16 0xd 0x5401 0x0 0x0 0x0 0x0 0x0 0x0", CALL_OTHER, 0xd);
	check_call("271 0x55 0x4 0x7f 0x0 0x8 0x0 0x7f 0x7f", CALL_POLL, 0x55);
	check_call("17 0x5", CALL_OTHER, 5);
#endif
}

static struct stall_look a_look(char state, enum stall_call call)
{
	return (struct stall_look){
		.vcpus = {{state, call, 0x1000, "somewhere"}, {state, call, 0x2000, ""}},
		.n = 2,
		.main = {'S', CALL_POLL, 0x3000, ""},
		.stalled_ns = 1000 * MS,
	};
}

static void check_judge(const struct stall_look *look, enum stall_cause cause)
{
	char note[STALL_NOTE_MAX] = "?";
	enum stall_cause got = stall_judge(look, note);

	if (got != cause)
		fprintf(stderr, "%s instead of %s: %s\n", stall_cause_name(got),
			stall_cause_name(cause), note);
	CU_ASSERT_EQUAL(got, cause);
	CU_ASSERT_NOT_EQUAL(*note, '\0');
}

static void test_judge_stopped(void)
{
	struct stall_look look = a_look('T', CALL_NONE);

	check_judge(&look, STALL_SIGSTOP);
	look.said_paused = true;
	check_judge(&look, STALL_SIGSTOP);
	look = a_look('t', CALL_RUN);
	check_judge(&look, STALL_SIGSTOP);
	look = a_look('D', CALL_RUN);
	strcpy(look.vcpus[1].wchan, "__refrigerator");
	check_judge(&look, STALL_SIGSTOP);
}

static void test_judge_paused(void)
{
	struct stall_look look = a_look('S', CALL_REST);

	check_judge(&look, STALL_PAUSED);
	/* Both wait for one event. */
	look.vcpus[1].arg = look.vcpus[0].arg;
	check_judge(&look, STALL_USERSPACE);
	/* A busy host: the main loop waits for a CPU, or was just about to rest. */
	look = a_look('S', CALL_REST);
	look.main.state = 'R';
	check_judge(&look, STALL_PAUSED);
	look.main.state = 0;
	check_judge(&look, STALL_PAUSED);
	look = a_look('S', CALL_FUTEX);
	check_judge(&look, STALL_USERSPACE);
	look = a_look('S', CALL_REST);
	look.vcpus[0].call = CALL_OTHER;
	check_judge(&look, STALL_USERSPACE);
	look.said_paused = true;
	check_judge(&look, STALL_PAUSED);
}

static void test_judge_blocked(void)
{
	struct stall_look look = a_look('D', CALL_RUN);

	check_judge(&look, STALL_PAGE_FAULT);
	look = a_look('D', CALL_NONE);
	check_judge(&look, STALL_PAGE_FAULT);
	look = a_look('D', CALL_OTHER);
	check_judge(&look, STALL_USERSPACE);
	look = a_look('S', CALL_FUTEX);
	look.main = (struct stall_thread){'D', CALL_OTHER, 0, "folio_wait"};
	check_judge(&look, STALL_USERSPACE);
}

static void test_judge_runnable(void)
{
	struct stall_look look = a_look('R', CALL_UNKNOWN);

	check_judge(&look, STALL_NOT_SCHEDULED);
	look.has_quota = true;
	check_judge(&look, STALL_NOT_SCHEDULED);
	look.was_throttled = true;
	check_judge(&look, STALL_THROTTLED);
	/* At its end it is known what the quota took. */
	look.ended = true;
	check_judge(&look, STALL_NOT_SCHEDULED);
	look.throttled_ns = 900 * MS;
	check_judge(&look, STALL_THROTTLED);
	look.has_quota = false;
	check_judge(&look, STALL_NOT_SCHEDULED);
}

static void test_main_loop(void)
{
	CU_ASSERT_FALSE(stall_main_is_held(&(struct stall_thread){'S', CALL_POLL, 0, ""}));
	CU_ASSERT_FALSE(stall_main_is_held(&(struct stall_thread){'R', CALL_UNKNOWN, 0, ""}));
	CU_ASSERT_FALSE(stall_main_is_held(&(struct stall_thread){0}));
	CU_ASSERT_TRUE(stall_main_is_held(&(struct stall_thread){'S', CALL_FUTEX, 0, ""}));
	CU_ASSERT_TRUE(stall_main_is_held(&(struct stall_thread){'D', CALL_OTHER, 0, ""}));
	CU_ASSERT_TRUE(stall_main_is_held(&(struct stall_thread){'T', CALL_POLL, 0, ""}));
}

static void test_memory(void)
{
	struct stall_memory m = {.main_loop = ABSENT};
	struct stall_totals t;

	stall_totals(&m, &t);
	CU_ASSERT_EQUAL(t.active, 0);
	CU_ASSERT_EQUAL(t.last_cause, STALL_NONE);
	CU_ASSERT_EQUAL(t.main_loop_ns, ABSENT);
	stall_update(&m, STALL_PAUSED, "nothing goes on", 5, true);
	CU_ASSERT_EQUAL(m.n_events, 0);
	stall_begin(&m, 1000);
	stall_update(&m, STALL_NOT_SCHEDULED, "first guess", 200 * MS, false);
	stall_update(&m, STALL_NOT_SCHEDULED, "", 300 * MS, false);
	stall_totals(&m, &t);
	CU_ASSERT_EQUAL(t.active, 1);
	CU_ASSERT_EQUAL(t.count, 1);
	CU_ASSERT_EQUAL(t.ns, 300 * MS);
	CU_ASSERT_EQUAL(m.count[STALL_NOT_SCHEDULED], 0);
	/* The end lies before the last look: what was counted stays. */
	stall_update(&m, STALL_THROTTLED, "seen better", 290 * MS, true);
	stall_totals(&m, &t);
	CU_ASSERT_EQUAL(t.active, 0);
	CU_ASSERT_EQUAL(t.ns, 300 * MS);
	CU_ASSERT_EQUAL(t.last_cause, STALL_THROTTLED);
	CU_ASSERT_EQUAL(m.ns[STALL_THROTTLED], 300 * MS);
	CU_ASSERT_STRING_EQUAL(m.events[0].note, "seen better");
	for (unsigned i = 0; i < 3 * STALL_EVENTS_MAX; i++) {
		stall_begin(&m, 2000 + i);
		stall_update(&m, STALL_PAUSED, "", 1, true);
	}
	CU_ASSERT_EQUAL(m.n_events, STALL_EVENTS_MAX);
	CU_ASSERT_EQUAL(m.events[0].began_ns, 2000 + 3 * STALL_EVENTS_MAX - 1);
	CU_ASSERT_EQUAL(m.events[1].began_ns, m.events[0].began_ns - 1);
}

static void test_names(void)
{
	for (int i = 0; i < STALL_CAUSES; i++)
		CU_ASSERT_EQUAL(stall_cause_find(stall_cause_name(i)), i);
	CU_ASSERT_EQUAL(stall_cause_find("no such"), STALL_NONE);
	CU_ASSERT_EQUAL(stall_cause_find(NULL), STALL_NONE);
}

/* A tree of files below a directory of its own: "path\0text\0" pairs. */
static char *make_tree(const char *const *files)
{
	char *root = g_dir_make_tmp("kvmlens-stall-XXXXXX", NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	for (; files[0]; files += 2) {
		g_autofree char *path = g_build_filename(root, files[0], NULL);
		g_autofree char *dir = g_path_get_dirname(path);

		g_mkdir_with_parents(dir, 0700);
		CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, files[1], -1, NULL));
	}
	return root;
}

static void remove_tree(const char *root)
{
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", root);

	CU_ASSERT_EQUAL(system(command), 0);
}

static const char *const tree[] = {
	"7/task/8/stat",
	"8 (CPU 0/KVM) S 1 7 7 0 -1 4194368 1 0 3 0 5 6 0 0 20 0 3 0 100 1000 20 1 1 1 1 1 1 0 0 0 "
	"0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0",
	"7/task/8/syscall",
	"-1 0x1 0x2\n",
	"7/task/8/wchan",
	"do_\x1b[2Jpage",
	"7/task/8/cgroup",
	"5:cpu,cpuacct:/machine/vm/vcpu0\n3:memory:/machine\n1:name=systemd:/x\n0::/machine/u\n",
	"7/task/9/cgroup",
	"5:cpu:/../../etc\n0:\n:::::\nnonsense",
	"v1/machine/vm/vcpu0/cpu.cfs_quota_us",
	"50000\n",
	"v1/machine/vm/vcpu0/cpu.stat",
	"nr_periods 9\nnr_throttled 4\nthrottled_time 1500\n",
	"v1/machine/vm/cpu.cfs_quota_us",
	"-1\n",
	"v1/machine/vm/cpu.stat",
	"nr_throttled 99\nthrottled_time 99\n",
	"v1/machine/cpu.cfs_quota_us",
	"100000\n",
	"v2/machine/u/cpu.max",
	"max 100000\n",
	"v2/machine/cpu.max",
	"20000 100000\n",
	"v2/machine/cpu.stat",
	"usage_usec 1\nnr_throttled 3\nthrottled_usec 7\n",
	NULL,
};

static void test_look(void)
{
	g_autofree char *root = make_tree(tree);
	g_autofree char *v1 = g_build_filename(root, "v1", NULL);
	g_autofree char *v2 = g_build_filename(root, "v2", NULL);
	struct stall_roots roots = {.proc = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	struct stall_thread thread;
	struct stall_quota quota;

	stall_look_thread(&roots, 7, 8, &thread);
	CU_ASSERT_EQUAL(thread.state, 'S');
	CU_ASSERT_EQUAL(thread.call, CALL_NONE);
	CU_ASSERT_PTR_NULL(strchr(thread.wchan, '\x1b'));
	stall_look_thread(&roots, 7, 99, &thread);
	CU_ASSERT_EQUAL(thread.state, 0);
	stall_look_quota(&roots, 7, 8, &quota);
	CU_ASSERT_FALSE(quota.limited);
	roots.cgroup[CGROUP_CPU] = v1;
	stall_look_quota(&roots, 7, 8, &quota);
	CU_ASSERT_TRUE(quota.limited);
	CU_ASSERT_EQUAL(quota.throttled, 4);
	CU_ASSERT_EQUAL(quota.throttled_ns, 1500);
	roots.cgroup[CGROUP_CPU] = NULL;
	roots.cgroup[CGROUP_UNIFIED] = v2;
	stall_look_quota(&roots, 7, 8, &quota);
	CU_ASSERT_TRUE(quota.limited);
	CU_ASSERT_EQUAL(quota.throttled_ns, 7000);
	stall_look_quota(&roots, 7, 9, &quota);
	CU_ASSERT_FALSE(quota.limited);
	close(roots.proc);
	remove_tree(root);
}

struct rig {
	struct stall_vm *vm;
	struct inventory_vm iv;
	struct stall_round round;
	struct stall_roots roots;
	GMutex lock;
	struct stall_vcpu vcpu, main;
	bool still;
};

static bool rig_still(void *arg, const struct stall_vm *vm)
{
	return ((struct rig *)arg)->still;
}

static void rig_init(struct rig *rig)
{
	struct vm_ident *ident = vm_ident_new("vm", NULL, 7, 1, false);

	memset(rig, 0, sizeof(*rig));
	g_mutex_init(&rig->lock);
	rig->vm = stall_vm_new(ident);
	vm_ident_unref(ident);
	rig->roots.proc = -1;
	rig->still = true;
	rig->vcpu.run_ns = 1000 * MS;
	rig->round = (struct stall_round){.roots = &rig->roots,
					  .lock = &rig->lock,
					  .stall_ns = 200 * MS,
					  .deadline_ns = UINT64_MAX,
					  .still = rig_still,
					  .arg = rig};
}

static void rig_clear(struct rig *rig)
{
	stall_vm_free(rig->vm);
	g_mutex_clear(&rig->lock);
}

/* A round at a time in ms, with the vCPU in this state since then. */
static void rig_round(struct rig *rig, uint64_t at_ms, uint8_t state, uint64_t since_ms)
{
	struct stall_seen seen = {.tid = 8};

	if (rig->vcpu.since != since_ms * MS)
		rig->vcpu.switches++;
	rig->vcpu.state = state;
	rig->vcpu.since = since_ms * MS;
	seen.vcpu = rig->vcpu;
	g_array_set_size(rig->vm->now, 0);
	g_array_append_val(rig->vm->now, seen);
	rig->vm->has_main = rig->main.since != 0;
	rig->vm->main_now = rig->main;
	rig->round.now = at_ms * MS;
	rig->round.wall_ns = at_ms * MS;
	stall_vm_judge(rig->vm, &rig->iv, &rig->round);
}

static void test_rounds(void)
{
	struct rig rig;
	const struct stall_memory *m;

	rig_init(&rig);
	m = &rig.vm->memory;
	rig_round(&rig, 1000, SCHED_STATE_RUNNING, 900);
	rig_round(&rig, 1050, SCHED_STATE_PREEMPTED, 1010);
	rig_round(&rig, 1200, SCHED_STATE_PREEMPTED, 1010);
	CU_ASSERT_EQUAL(m->begun, 0);
	rig_round(&rig, 1250, SCHED_STATE_PREEMPTED, 1010);
	CU_ASSERT_EQUAL(m->begun, 1);
	CU_ASSERT_TRUE(stall_is_active(m));
	CU_ASSERT_EQUAL(m->events[0].began_ns, 1010 * MS);
	CU_ASSERT_EQUAL(m->total_ns, 240 * MS);
	rig_round(&rig, 1400, SCHED_STATE_RUNNING, 1380);
	CU_ASSERT_FALSE(stall_is_active(m));
	CU_ASSERT_EQUAL(m->total_ns, 370 * MS);
	/* A wait that began after some run time is another one, and too short so far. */
	rig_round(&rig, 1700, SCHED_STATE_BLOCKED, 1600);
	CU_ASSERT_EQUAL(m->begun, 1);
	rig_round(&rig, 1900, SCHED_STATE_BLOCKED, 1850);
	CU_ASSERT_EQUAL(m->begun, 1);
	rig_clear(&rig);
}

/* An idle VM does not stall, however long, nor does one that its provider calls paused. */
static void test_idle(void)
{
	struct rig rig;

	rig_init(&rig);
	rig_round(&rig, 1000, SCHED_STATE_HALTED, 900);
	rig_round(&rig, 9000, SCHED_STATE_HALTED, 900);
	CU_ASSERT_EQUAL(rig.vm->memory.begun, 0);
	rig.iv.state = KVMLENS_VM_PAUSED;
	rig_round(&rig, 9050, SCHED_STATE_HALTED, 900);
	CU_ASSERT_EQUAL(rig.vm->memory.begun, 0);
	CU_ASSERT_TRUE(rig.vm->memory.paused);
	rig.iv.state = KVMLENS_VM_RUNNING;
	rig_round(&rig, 9100, SCHED_STATE_HALTED, 900);
	CU_ASSERT_FALSE(rig.vm->memory.paused);
	rig_clear(&rig);
}

/* No time for /proc: it is counted, and the stall is noticed all the same. */
static void test_no_time(void)
{
	struct rig rig;

	rig_init(&rig);
	rig.round.deadline_ns = 0;
	rig_round(&rig, 1000, SCHED_STATE_PREEMPTED, 100);
	rig_round(&rig, 2000, SCHED_STATE_PREEMPTED, 100);
	CU_ASSERT_EQUAL(rig.vm->memory.begun, 1);
	CU_ASSERT_EQUAL(rig.vm->memory.events[0].cause, STALL_NOT_SCHEDULED);
	CU_ASSERT_TRUE(rig.round.missed > 0);
	rig_clear(&rig);
}

/* What runs again while it is looked at was not seen in its stall. */
static void test_ran_meanwhile(void)
{
	struct rig rig;

	rig_init(&rig);
	rig.still = false;
	rig_round(&rig, 1000, SCHED_STATE_BLOCKED, 100);
	CU_ASSERT_EQUAL(rig.vm->memory.begun, 0);
	rig.still = true;
	rig_round(&rig, 1050, SCHED_STATE_BLOCKED, 100);
	CU_ASSERT_EQUAL(rig.vm->memory.begun, 1);
	CU_ASSERT_EQUAL(rig.vm->memory.events[0].began_ns, 100 * MS);
	rig_clear(&rig);
}

/* Of a VM that was never started a vCPU's thread may wait for a CPU: the guest does not. */
static void test_unstarted(void)
{
	struct rig rig;

	rig_init(&rig);
	rig.vcpu.run_ns = 5 * MS;
	rig_round(&rig, 1000, SCHED_STATE_BLOCKED, 100);
	rig_round(&rig, 2000, SCHED_STATE_PREEMPTED, 1100);
	CU_ASSERT_EQUAL(rig.vm->memory.begun, 0);
	CU_ASSERT_TRUE(rig.vm->memory.paused);
	/* Once it runs, it can stall. */
	rig.vcpu.run_ns = 105 * MS;
	rig_round(&rig, 2100, SCHED_STATE_RUNNING, 2050);
	CU_ASSERT_FALSE(rig.vm->memory.paused);
	rig_round(&rig, 2400, SCHED_STATE_PREEMPTED, 2150);
	CU_ASSERT_EQUAL(rig.vm->memory.begun, 1);
	rig_clear(&rig);
}

/* One that nobody has seen run is idle, or was stopped before it was watched: /proc says. */
static void test_stopped_before(void)
{
	g_autofree char *root = make_tree((const char *const[]){
		"7/task/8/stat",
		"8 (CPU 0/TCG) T 1 7 7 0 -1 4194368 1 0 3 0 5 6 0 0 20 0 3 0 100 1000 20 1 1 1 1 1 1 "
		"0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0",
		NULL});
	struct rig rig;

	rig_init(&rig);
	rig.vcpu.run_ns = 0;
	rig_round(&rig, 1000, SCHED_STATE_UNKNOWN, 0);
	rig_round(&rig, 2000, SCHED_STATE_UNKNOWN, 0);
	CU_ASSERT_EQUAL(rig.vm->memory.begun, 0);
	rig.roots.proc = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rig_round(&rig, 4000, SCHED_STATE_UNKNOWN, 0);
	CU_ASSERT_EQUAL(rig.vm->memory.begun, 1);
	CU_ASSERT_EQUAL(rig.vm->memory.events[0].cause, STALL_SIGSTOP);
	close(rig.roots.proc);
	remove_tree(root);
	rig_clear(&rig);
}

static void test_main_loop_rounds(void)
{
	struct rig rig;
	const struct stall_memory *m;

	rig_init(&rig);
	m = &rig.vm->memory;
	rig.main = (struct stall_vcpu){.state = SCHED_STATE_PREEMPTED, .since = 1000 * MS};
	rig_round(&rig, 3000, SCHED_STATE_RUNNING, 900);
	CU_ASSERT_EQUAL(m->main_loop, ABSENT); /* never seen to serve events */
	rig.vm->main_polls = true;
	rig_round(&rig, 3050, SCHED_STATE_RUNNING, 900);
	CU_ASSERT_EQUAL(m->main_loop, 0);
	CU_ASSERT_EQUAL(m->main_loop_ns, 2050 * MS);
	rig.main = (struct stall_vcpu){
		.state = SCHED_STATE_RUNNING, .since = 3100 * MS, .switches = 1};
	rig_round(&rig, 3200, SCHED_STATE_RUNNING, 900);
	CU_ASSERT_EQUAL(m->main_loop, 1);
	CU_ASSERT_EQUAL(m->main_loop_ns, 2100 * MS);
	rig_clear(&rig);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"since when", test_since},
		{"until when", test_end},
		{"system calls", test_calls},
		{"stopped from outside", test_judge_stopped},
		{"paused, or stuck at a lock", test_judge_paused},
		{"blocked", test_judge_blocked},
		{"runnable, throttled", test_judge_runnable},
		{"the main loop's thread", test_main_loop},
		{"memory", test_memory},
		{"names of causes", test_names},
		{"/proc and cgroups", test_look},
		{"rounds", test_rounds},
		{"idle is no stall", test_idle},
		{"no time for /proc", test_no_time},
		{"ran while it was looked at", test_ran_meanwhile},
		{"never started", test_unstarted},
		{"stopped before it was watched", test_stopped_before},
		{"rounds of the main loop", test_main_loop_rounds},
		CU_TEST_INFO_NULL,
	};

	return suite_run("stall", tests);
}
