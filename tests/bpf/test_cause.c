// SPDX-License-Identifier: Apache-2.0
/*
 * Each cause of ready time provoked on the running kernel, and told: another VM, the host, the
 * VM's own threads, a quota, softirqs, pinning; and cgroups by the hundred a second. "VMs" are
 * threads of this program. Takes SECONDS_A_CASE (default 1) for each, CGROUP_SECONDS (default 3)
 * for the last; CGROUP_SECONDS=60 is the long run.
 */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "bpf/blaster.h"
#include "bpf/burner.h"
#include "core/blame.h"
#include "probe/probe.h"

#define VM_PID 4000000
#define OTHER_PID 4000001
#define CGROUPS "/sys/fs/cgroup/cpu"
#define KEEPERS_MAX 64
#define HOPPERS 8

struct rig {
	struct probe *probe;
	struct vmlabels *labels;
	struct cgroup_names *cgroups;
	struct blame *blame;
	struct inventory *inventory;
	struct kvmlens_snapshot *snapshot;
	uint64_t before[CAUSES];
	struct burner victim, keepers[KEEPERS_MAX];
	int slot, n_keepers, cpus;
};

static unsigned seconds = 1, cgroup_seconds = 3;

static int track(struct rig *r, const struct burner *b, pid_t tgid, enum sched_role role)
{
	int is_new, slot = threads_add(probe_threads(r->probe), b->tid, tgid, role,
				       role == SCHED_ROLE_VCPU ? SCHED_F_TCG : 0, &is_new);

	CU_ASSERT_FATAL(slot > 0);
	return slot;
}

static const struct snap_vm *tick(struct rig *r)
{
	struct blame_thread thread;
	struct sched_thread record;
	struct snap_vm *vm;

	kvmlens_snapshot_unref(r->snapshot);
	r->snapshot = snapshot_new();
	entities_alloc(&r->snapshot->vms, 1, sizeof(struct snap_vm));
	vm = entities_at(&r->snapshot->vms, 0);
	vm->ident = vm_ident_ref(r->inventory->vms[0].ident);
	vm->labels = labels_ref(vm->ident->labels);
	vm->level = KVMLENS_DIAGNOSTIC;
	vm->vcpus = 1;
	vm->mono_ns = burner_now();
	CU_ASSERT_EQUAL_FATAL(threads_read(probe_threads(r->probe), r->slot, &record), 0);
	thread = (struct blame_thread){.slot = record.slot,
				       .tid = record.tid,
				       .cpu = record.cpu,
				       .ready_ns = record.wake_ns + record.preempt_ns,
				       .charged = record.blame};
	vmlabels_begin(r->labels);
	blame_begin(r->blame, r->inventory);
	blame_vm(r->blame, &thread, 1, 0, vm);
	return vm;
}

static uint64_t blame_sum(const struct snap_vm *vm)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < vm->blames.n; i++)
		sum += ((struct snap_blame *)entities_at(&vm->blames, i))->ns;
	return sum;
}

static uint64_t cause_ns(const struct snap_vm *vm, enum ready_cause cause)
{
	return ((struct snap_cause *)entities_at(&vm->causes, cause))->ns;
}

/* Two ways to sum up one ready time. */
static void check_sums(const struct snap_vm *vm)
{
	uint64_t causes = 0;
	unsigned i;

	for (i = 0; i < CAUSES; i++)
		causes += cause_ns(vm, i);
	CU_ASSERT_EQUAL(causes, blame_sum(vm));
}

/* The largest cause since begin(). */
static enum ready_cause main_cause(struct rig *r, double *ret_part)
{
	const struct snap_vm *vm = tick(r);
	uint64_t sum = 0, most = 0, ns;
	enum ready_cause largest = CAUSE_OTHER;
	unsigned i;

	check_sums(vm);
	for (i = 0; i < CAUSES; i++) {
		ns = cause_ns(vm, i) - r->before[i];
		printf(" %s %.3f", ready_cause_name(i), (double)ns / 1e9);
		sum += ns;
		if (ns > most) {
			most = ns;
			largest = i;
		}
	}
	*ret_part = sum ? (double)most / (double)sum : 0;
	return largest;
}

/* keep_busy: no other CPU may idle, so that nothing is for pinning. */
static void begin(struct rig *r, bool keep_busy)
{
	struct probe_options options = {
		.max_threads = 64, .level = KVMLENS_STANDARD, .groups = KVMLENS_CPU};
	const struct snap_vm *vm;
	int i;

	*r = (struct rig){.cpus = (int)sysconf(_SC_NPROCESSORS_ONLN)};
	CU_ASSERT_EQUAL_FATAL(probe_open(&options, &r->probe), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(probe_threads(r->probe));
	r->labels = vmlabels_new(NULL, 0);
	r->cgroups = cgroup_names_new(NULL);
	r->blame = blame_new(r->labels, r->cgroups);
	r->inventory = inventory_new(2);
	r->inventory->vms[0].ident = vm_ident_new("victim", NULL, VM_PID, 1, true);
	r->inventory->vms[1].ident = vm_ident_new("neighbour", NULL, OTHER_PID, 1, true);
	for (i = 1; keep_busy && i < r->cpus && i < KEEPERS_MAX; i++) {
		burner_start(&r->keepers[r->n_keepers], BURNER_BUSY, i);
		burner_work(&r->keepers[r->n_keepers++]);
	}
	burner_start(&r->victim, BURNER_BUSY, 0);
	r->slot = track(r, &r->victim, VM_PID, SCHED_ROLE_VCPU);
	vm = tick(r);
	for (i = 0; i < CAUSES; i++)
		r->before[i] = cause_ns(vm, i);
}

static void end(struct rig *r)
{
	int i;

	for (i = 0; i < r->n_keepers; i++) {
		burner_rest(&r->keepers[i]);
		burner_end(&r->keepers[i]);
	}
	burner_rest(&r->victim);
	burner_end(&r->victim);
	kvmlens_snapshot_unref(r->snapshot);
	blame_free(r->blame);
	cgroup_names_free(r->cgroups);
	vmlabels_free(r->labels);
	inventory_unref(r->inventory);
	probe_close(r->probe, false);
}

/* Above all that else runs on a busy machine; where that is refused, it must do without. */
static void real_time(const struct burner *b)
{
	struct sched_param param = {.sched_priority = 1};

	sched_setscheduler(b->tid, SCHED_RR, &param);
}

/* The victim beside one other thread on CPU 0. */
static enum ready_cause beside(pid_t tgid, enum sched_role role, bool keep_busy, double *ret_part)
{
	struct burner other;
	enum ready_cause cause;
	struct rig r;

	begin(&r, keep_busy);
	burner_start(&other, BURNER_BUSY, 0);
	real_time(&other);
	real_time(&r.victim);
	if (role != SCHED_ROLE_NONE)
		track(&r, &other, tgid, role);
	burner_work(&other);
	burner_work(&r.victim);
	burner_sleep_ms(seconds * 1000);
	cause = main_cause(&r, ret_part);
	burner_rest(&other);
	burner_end(&other);
	end(&r);
	return cause;
}

static void test_vm(void)
{
	double part;

	CU_ASSERT_EQUAL(beside(OTHER_PID, SCHED_ROLE_VCPU, true, &part), CAUSE_VM);
}

static void test_host(void)
{
	double part;

	CU_ASSERT_EQUAL(beside(0, SCHED_ROLE_NONE, true, &part), CAUSE_HOST);
}

static void test_self(void)
{
	double part;

	CU_ASSERT_EQUAL(beside(VM_PID, SCHED_ROLE_IOTHREAD, true, &part), CAUSE_SELF);
}

/* Idle ticks of a CPU since boot. */
static uint64_t idle_ticks(int cpu)
{
	unsigned long long idle = 0, iowait = 0;
	char line[512], name[16];
	FILE *f = fopen("/proc/stat", "re");

	snprintf(name, sizeof(name), "cpu%d ", cpu);
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			sscanf(line + strlen(name), "%*u %*u %*u %llu %llu", &idle, &iowait);
	if (f)
		fclose(f);
	return idle + iowait;
}

/* Whatever else runs here leaves CPU 1 idle for a part: that much must be pinning. */
static void test_pinning(void)
{
	uint64_t idle = idle_ticks(1);
	double part, share;
	enum ready_cause cause = beside(0, SCHED_ROLE_NONE, false, &part);

	share = (double)(idle_ticks(1) - idle) / (double)(seconds * sysconf(_SC_CLK_TCK));
	printf(" (CPU 1 idle for %.2f of it)", share);
	if (share > 0.75) {
		CU_ASSERT_EQUAL(cause, CAUSE_PINNING);
		CU_ASSERT_TRUE(part > 0.5);
	}
}

static int write_file(const char *dir, const char *name, const char *value)
{
	char path[256];
	int fd, n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : (int)write(fd, value, strlen(value));
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

/* cpu.stat of version 1: nanoseconds that run queues of the group were throttled. */
static uint64_t throttled_time(const char *dir)
{
	unsigned long long ns = 0;
	char path[256], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/cpu.stat", dir);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "throttled_time %llu", &ns);
	if (f)
		fclose(f);
	return ns;
}

static int move_to(const char *dir, pid_t tid)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", (int)tid);
	return write_file(dir, "tasks", number);
}

/* Alone on its CPU but for a neighbour that takes little; a fifth of the CPU is its quota. */
static void test_quota(void)
{
	const char *dir = CGROUPS "/kvmlens-test-quota";
	enum ready_cause cause;
	uint64_t kernel, ours;
	double part;
	struct rig r;

	if (access(CGROUPS "/cpu.cfs_quota_us", F_OK) && access(CGROUPS "/tasks", F_OK)) {
		printf(" no cpu controller of version 1 here: not tried ");
		return;
	}
	begin(&r, true);
	rmdir(dir);
	CU_ASSERT_EQUAL(mkdir(dir, 0755), 0);
	CU_ASSERT_EQUAL(write_file(dir, "cpu.cfs_period_us", "50000"), 0);
	CU_ASSERT_EQUAL(write_file(dir, "cpu.cfs_quota_us", "10000"), 0);
	/* Within its quota it goes before whatever else the machine does. */
	CU_ASSERT_EQUAL(write_file(dir, "cpu.shares", "262144"), 0);
	CU_ASSERT_EQUAL(move_to(dir, r.victim.tid), 0);
	burner_work(&r.victim);
	burner_sleep_ms(seconds * 1000);
	burner_rest(&r.victim);
	cause = main_cause(&r, &part);
	kernel = throttled_time(dir);
	ours = cause_ns(entities_at(&r.snapshot->vms, 0), CAUSE_THROTTLED);
	printf(" (cpu.stat %.3f)", (double)kernel / 1e9);
	CU_ASSERT_EQUAL(cause, CAUSE_THROTTLED);
	CU_ASSERT_TRUE(kernel > 0);
	CU_ASSERT_TRUE((double)ours > 0.95 * (double)kernel);
	CU_ASSERT_TRUE((double)ours < 1.05 * (double)kernel);
	CU_ASSERT_EQUAL(move_to(CGROUPS, r.victim.tid), 0);
	end(&r);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static void test_softirq(void)
{
	uint64_t lost;
	enum ready_cause cause;
	double part;
	struct rig r;
	pid_t pid;

	begin(&r, false);
	pid = blaster_start(r.cpus - 1);
	if (pid < 0) {
		printf(" no packet steering here: not tried ");
		end(&r);
		return;
	}
	/* ksoftirqd is not to be starved. */
	setpriority(PRIO_PROCESS, r.victim.tid, 0);
	burner_work(&r.victim);
	burner_sleep_ms(seconds * 1000);
	cause = main_cause(&r, &part);
	blaster_end(pid);
	lost = probe_lost(r.probe, SCHED_LOST_SEGMENTS);
	printf(" (waits longer than the ring: %" PRIu64 ")", lost);
	/* On a machine that has more to do than this, a ring may have been too short. */
	CU_ASSERT_TRUE(cause == CAUSE_INTERRUPT || (lost && cause == CAUSE_OTHER));
	end(&r);
}

/* One thread that goes through cgroups: each is made, runs for a moment, rests and is removed. */
struct hopper {
	pthread_t thread;
	volatile int stop;
	unsigned id, hops, failed;
};

static void *hop(void *arg)
{
	struct timespec rest = {.tv_nsec = 50000};
	struct hopper *h = arg;
	char dir[128];
	cpu_set_t set;
	pid_t tid = (pid_t)syscall(SYS_gettid);

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
	while (!h->stop) {
		uint64_t until = burner_now() + 200000;

		snprintf(dir, sizeof(dir), CGROUPS "/kvmlens-test-hop-%u-%u", h->id, h->hops++);
		h->failed += mkdir(dir, 0755) || move_to(dir, tid);
		while (burner_now() < until)
			;
		nanosleep(&rest, NULL);
		h->failed += move_to(CGROUPS, tid) || rmdir(dir);
	}
	return NULL;
}

static void hoppers_start(struct hopper *h)
{
	for (unsigned i = 0; i < HOPPERS; i++) {
		h[i].id = i;
		CU_ASSERT_EQUAL(pthread_create(&h[i].thread, NULL, hop, &h[i]), 0);
	}
}

/* Returns how many cgroups there were. */
static unsigned hoppers_end(struct hopper *h)
{
	unsigned hops = 0;

	for (unsigned i = 0; i < HOPPERS; i++)
		h[i].stop = 1;
	for (unsigned i = 0; i < HOPPERS; i++) {
		pthread_join(h[i].thread, NULL);
		CU_ASSERT_EQUAL(h[i].failed, 0);
		hops += h[i].hops;
	}
	return hops;
}

static uint64_t resident_pages(void)
{
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%*u %llu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages;
}

static void test_cgroups(void)
{
	struct hopper hoppers[HOPPERS] = {};
	uint64_t pages = 0, until;
	unsigned ticks = 0, hops;
	size_t most = 0;
	struct rig r;

	if (access(CGROUPS "/tasks", F_OK)) {
		printf(" no cpu controller of version 1 here: not tried ");
		return;
	}
	begin(&r, true);
	/* Each new group weighs as much as a thread of this. */
	setpriority(PRIO_PROCESS, r.victim.tid, 0);
	hoppers_start(hoppers);
	burner_work(&r.victim);
	until = burner_now() + cgroup_seconds * 1000000000ull;
	while (burner_now() < until) {
		const struct snap_vm *vm;

		burner_sleep_ms(100);
		vm = tick(&r);
		check_sums(vm);
		most = MAX(most, vm->blames.n);
		if (++ticks == 10)
			pages = resident_pages();
	}
	CU_ASSERT_TRUE(resident_pages() < pages + 1024 * 1024 / 4096);
	hops = hoppers_end(hoppers);
	printf(" %u cgroups a second, at most %zu entities", hops / cgroup_seconds, most);
	CU_ASSERT_TRUE(most > 0 && most <= BLAME_ENTITIES_MAX);
	/* 500 and more, but on a machine with much else to do. */
	CU_ASSERT_TRUE(hops > 50 * cgroup_seconds);
	end(&r);
}

int main(void)
{
	CU_pSuite suite;
	unsigned failed;

	if (geteuid()) {
		puts("needs root");
		return 77;
	}
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		puts("needs two CPUs");
		return 77;
	}
	setpriority(PRIO_PROCESS, 0, -20);
	if (getenv("SECONDS_A_CASE"))
		seconds = (unsigned)atoi(getenv("SECONDS_A_CASE"));
	if (getenv("CGROUP_SECONDS"))
		cgroup_seconds = (unsigned)atoi(getenv("CGROUP_SECONDS"));
	CU_initialize_registry();
	suite = CU_add_suite("cause", NULL, NULL);
	CU_add_test(suite, "another VM", test_vm);
	CU_add_test(suite, "a task of the host", test_host);
	CU_add_test(suite, "the VM's own IO thread", test_self);
	CU_add_test(suite, "pinning beside an idle CPU", test_pinning);
	CU_add_test(suite, "a quota", test_quota);
	CU_add_test(suite, "softirqs", test_softirq);
	CU_add_test(suite, "short-lived cgroups", test_cgroups);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
