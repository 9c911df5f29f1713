// SPDX-License-Identifier: Apache-2.0
/*
 * The sched programs on the running kernel, against two oracles: the kernel's own run_delay and
 * each thread's own clocks. Load takes SECONDS (default 10) a case.
 */
#include <CUnit/Basic.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include "bpf/burner.h"
#include "core/account.h"
#include "core/rqclock.h"
#include "probe/probe.h"

#define N 3

struct tracked {
	struct burner burner;
	uint16_t slot;
	uint64_t delay; /* schedstat's run_delay when the window began */
	struct cpu_times begin;
	uint64_t dropped;
	uint64_t mono; /* when the window began, then how long it was */
};

static unsigned seconds = 10;

static struct probe *open_probe(unsigned without)
{
	struct probe_options options = {
		.max_threads = 64,
		.level = KVMLENS_STANDARD,
		.groups = KVMLENS_ALL_GROUPS,
		.without = without,
	};
	struct probe *probe = NULL;

	CU_ASSERT_EQUAL_FATAL(probe_open(&options, &probe), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(probe_threads(probe));
	return probe;
}

static uint64_t times_of(struct probe *probe, const struct tracked *t, struct cpu_times *ret)
{
	struct sched_thread record;

	CU_ASSERT_EQUAL_FATAL(threads_read(probe_threads(probe), t->slot, &record), 0);
	account_thread(&record, 0, 0, ret);
	return record.dropped_ns;
}

/* The window begins and ends with every thread blocked: both sides have then counted it all. */
static void begin_as(struct probe *probe, struct tracked *t, enum burner_kind kind, int cpu,
		     pid_t tgid)
{
	uint64_t run;
	int is_new, slot;

	burner_start(&t->burner, kind, cpu);
	slot = threads_add(probe_threads(probe), t->burner.tid, tgid, SCHED_ROLE_VCPU, SCHED_F_TCG,
			   &is_new);
	CU_ASSERT_FATAL(slot > 0);
	CU_ASSERT_TRUE(is_new);
	t->slot = slot;
	/* One short spell, so that the record has seen the thread come and go. */
	burner_work(&t->burner);
	burner_sleep_ms(20);
	burner_rest(&t->burner);
	t->mono = t->burner.blocked_at;
	burner_schedstat(&t->burner, &run, &t->delay);
	t->dropped = times_of(probe, t, &t->begin);
}

static void begin(struct probe *probe, struct tracked *t, enum burner_kind kind, int cpu)
{
	begin_as(probe, t, kind, cpu, getpid());
}

static void end(struct probe *probe, struct tracked *t)
{
	uint64_t run, delay, ready, dropped, steal, total;
	struct cpu_times now;

	burner_schedstat(&t->burner, &run, &delay);
	dropped = times_of(probe, t, &now) - t->dropped;
	ready = now.ready - t->begin.ready;
	steal = now.steal - t->begin.steal;
	total = now.run - t->begin.run + ready + now.halted - t->begin.halted + now.other -
		t->begin.other;
	delay -= t->delay;
	printf("\n    %d: ready %.6f s, run_delay %.6f s, dropped %.6f s, steal %.6f s, run %.6f s, "
	       "own clock %.6f s",
	       t->burner.kind, ready / 1e9, delay / 1e9, dropped / 1e9, steal / 1e9,
	       (now.run - t->begin.run) / 1e9, (t->burner.wall_ns - t->burner.cpu_ns) / 1e9);
	/* 0.001 % of the kernel's figure, but exact where nothing had to be dropped. */
	CU_ASSERT_TRUE(llabs((long long)(ready + dropped - delay)) <= (long long)(delay / 100000));
	CU_ASSERT_TRUE(steal <= ready);
	if (t->burner.kind == BURNER_BUSY) {
		double own = (double)(t->burner.wall_ns - t->burner.cpu_ns);

		/* Its clock begins once it runs: the first wait, for its wakeup, came before. */
		CU_ASSERT_TRUE(fabs((double)steal - own) <= 0.005 * own);
		CU_ASSERT_TRUE(own > 0.3 * (double)t->mono);
	}
	CU_ASSERT_TRUE(fabs((double)total - (double)t->mono) <= 0.005 * (double)t->mono);
	threads_remove(probe_threads(probe), t->slot, 0);
	burner_end(&t->burner);
}

/* Work for some seconds; on the move, every thread changes its CPU every few ms. */
static void work(struct tracked t[N], bool move)
{
	uint64_t until = burner_now() + seconds * 1000000000ull;
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), i;

	for (i = 0; i < N; i++)
		burner_work(&t[i].burner);
	while (burner_now() < until) {
		burner_sleep_ms(move ? 5 : 50);
		for (i = 0; move && i < N; i++)
			burner_move(&t[i].burner, rand() % cpus);
	}
	for (i = 0; i < N; i++)
		t[i].burner.go = 0;
	for (i = 0; i < N; i++) {
		burner_rest(&t[i].burner);
		t[i].mono = t[i].burner.blocked_at - t[i].mono;
	}
}

static void contend(unsigned without, const enum burner_kind kinds[N], bool move)
{
	struct probe *probe = open_probe(without);
	struct tracked t[N] = {};
	int i;

	for (i = 0; i < N; i++)
		begin(probe, &t[i], kinds[i], 0);
	work(t, move);
	for (i = 0; i < N; i++)
		end(probe, &t[i]);
	probe_close(probe, false);
}

static void test_pinned(void)
{
	contend(0, (enum burner_kind[]){BURNER_BUSY, BURNER_BUSY, BURNER_BUSY}, false);
}

static void test_mixed(void)
{
	contend(0, (enum burner_kind[]){BURNER_BUSY, BURNER_SLEEPY, BURNER_SLEEPY}, false);
}

static void test_migrating(void)
{
	contend(0, (enum burner_kind[]){BURNER_BUSY, BURNER_BUSY, BURNER_SLEEPY}, true);
}

static void test_raw(void)
{
	contend(1u << FEATURE_SCHED_BTF,
		(enum burner_kind[]){BURNER_BUSY, BURNER_BUSY, BURNER_SLEEPY}, true);
}

static struct sched_blame blame_of(struct probe *probe, uint16_t slot)
{
	struct sched_thread record;

	CU_ASSERT_EQUAL_FATAL(threads_read(probe_threads(probe), slot, &record), 0);
	return record.blame;
}

/* All that a thread was seen to wait for, and how much of it has a name. */
static uint64_t blame_sum(struct probe *probe, uint16_t slot, uint64_t *ret_named)
{
	struct sched_blame b = blame_of(probe, slot);
	int i;

	*ret_named = b.folded_ns[SCHED_CLASS_VM] + b.folded_ns[SCHED_CLASS_HOST];
	for (i = 0; i < SCHED_BLAME_ENTRIES; i++)
		*ret_named += b.ns[i];
	return *ret_named + b.idle_ns + b.throttled_ns + b.unseen_ns;
}

static uint64_t blame_by(struct probe *probe, uint16_t slot, uint64_t entity)
{
	struct sched_blame b = blame_of(probe, slot);
	int i;

	for (i = 0; i < SCHED_BLAME_ENTRIES; i++)
		if (b.entity[i] == entity)
			return b.ns[i];
	return 0;
}

#define FAKE_VM 4000000

/*
 * Three "VMs" of one vCPU, of different weights, and a host task share a CPU: each waits for the
 * three others.
 */
static void test_blame(void)
{
	struct probe *probe = open_probe(0);
	uint64_t lost, ran[N], named, sum, seen, other, run0, run1, delay;
	struct tracked t[N] = {};
	struct burner host;
	struct cpu_times now;
	int i, j;

	burner_start(&host, BURNER_BUSY, 0);
	for (i = 0; i < N; i++) {
		begin_as(probe, &t[i], BURNER_BUSY, 0, FAKE_VM + i);
		setpriority(PRIO_PROCESS, t[i].burner.tid, -20 + 2 * i);
	}
	for (i = 0; i < N; i++)
		ran[i] = t[i].begin.run;
	burner_schedstat(&host, &run0, &delay);
	burner_work(&host);
	work(t, false);
	burner_rest(&host);
	burner_schedstat(&host, &run1, &delay);
	for (i = 0; i < N; i++) {
		times_of(probe, &t[i], &now);
		ran[i] = now.run - ran[i];
	}
	lost = probe_lost(probe, SCHED_LOST_SEGMENTS);
	printf("\n    waits longer than the ring: %llu", (unsigned long long)lost);
	for (i = 0; i < N; i++) {
		times_of(probe, &t[i], &now);
		sum = blame_sum(probe, t[i].slot, &named);
		CU_ASSERT_EQUAL(sum, now.ready);
		/* A noisy machine switches more often in one wait than a CPU's ring remembers. */
		CU_ASSERT_TRUE((double)named >= (double)now.ready * (lost ? 0.9 : 0.99));
		printf("\n    ready %.6f s, named %.4f %%", now.ready / 1e9,
		       100.0 * named / now.ready);
		for (j = 0, other = 0; j < N; j++) {
			seen = blame_by(probe, t[i].slot,
					(uint64_t)SCHED_ENTITY_VM << SCHED_ENTITY_SHIFT |
						(uint64_t)SCHED_ROLE_VCPU << 32 | (FAKE_VM + j));
			printf(", by %d %.3f of %.3f s", j, seen / 1e9, ran[j] / 1e9);
			if (j != i)
				CU_ASSERT_TRUE(fabs((double)seen - (double)ran[j]) <
					       0.02 * (double)ran[j]);
			other += seen;
		}
		/*
		 * Other host tasks may have run there too, but not less than this one did while
		 * the VMs wanted to run: it runs on alone while they come to rest.
		 */
		CU_ASSERT_TRUE((double)(named - other) > 0.85 * (double)(run1 - run0));
	}
	for (i = 0; i < N; i++)
		burner_end(&t[i].burner);
	burner_end(&host);
	probe_close(probe, false);
}

/* What goes on right now is in the figures too: looked at in mid-run, they sum to wall time. */
static void test_ongoing(void)
{
	struct probe *probe = open_probe(0);
	struct rqclock clock = {};
	struct tracked t[2] = {};
	struct cpu_times a[2], b[2];
	struct sched_thread record;
	uint64_t wall = 0, mono[2];
	int i, look, is_new;

	clock.slot =
		threads_add(probe_threads(probe), gettid(), getpid(), SCHED_ROLE_AGENT, 0, &is_new);
	for (i = 0; i < 2; i++)
		begin(probe, &t[i], BURNER_BUSY, 0);
	for (i = 0; i < 2; i++)
		burner_work(&t[i].burner);
	for (look = 0; look < 2; look++) {
		burner_sleep_ms(look ? 777 : 333);
		rqclock_sync(&clock, probe_threads(probe));
		CU_ASSERT_TRUE(clock.valid);
		mono[look] = mono_raw_ns();
		for (i = 0; i < 2; i++) {
			CU_ASSERT_EQUAL(threads_read(probe_threads(probe), t[i].slot, &record), 0);
			account_thread(&record, rqclock_at(&clock, mono[look]), 0,
				       look ? &b[i] : &a[i]);
		}
	}
	wall = mono[1] - mono[0];
	for (i = 0; i < 2; i++) {
		uint64_t sum = b[i].run - a[i].run + b[i].ready - a[i].ready + b[i].halted -
			       a[i].halted + b[i].other - a[i].other;

		CU_ASSERT_TRUE(fabs((double)sum - (double)wall) < 0.005 * (double)wall);
		burner_rest(&t[i].burner);
		burner_end(&t[i].burner);
	}
	probe_close(probe, false);
}

static void test_events(void)
{
	struct probe *probe = open_probe(0);
	struct burner b;
	struct sched_thread record;
	int is_new, leader, slot;

	leader = threads_add(probe_threads(probe), getpid(), getpid(), SCHED_ROLE_EMULATOR, 0,
			     &is_new);
	CU_ASSERT_FATAL(leader > 0);
	burner_start(&b, BURNER_SLEEPY, -1);
	slot = threads_add(probe_threads(probe), b.tid, getpid(), SCHED_ROLE_VCPU, 0, &is_new);
	CU_ASSERT_FATAL(slot > 0);
	burner_end(&b);
	burner_sleep_ms(20);
	CU_ASSERT_EQUAL(threads_read(probe_threads(probe), slot, &record), 0);
	CU_ASSERT_TRUE(record.flags & SCHED_F_EXITED);
	CU_ASSERT_TRUE(probe_events_fd(probe) >= 0);
	probe_close(probe, false);
}

/* Programs of ours that the kernel has loaded and that hang on a hook. */
static unsigned hooks(void)
{
	GDir *dir = g_dir_open("/proc/self/fdinfo", 0, NULL);
	const char *fd;
	unsigned n = 0;

	while ((fd = g_dir_read_name(dir))) {
		g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%s", fd);
		g_autofree char *text = NULL;

		n += g_file_get_contents(path, &text, NULL, NULL) && strstr(text, "link_id:") &&
		     !strstr(text, "link_type:\titer");
	}
	g_dir_close(dir);
	return n;
}

/* sched_process_exit and oom's mark_victim: why a VM ended is asked for whatever groups are on. */
#define EXIT_HOOKS 2

/* A group that is off hangs nothing into the kernel, also when the level is raised later. */
static void test_group_off(void)
{
	struct probe_options options = {
		.max_threads = 64, .level = KVMLENS_STANDARD, .groups = KVMLENS_MEMORY};
	struct probe *probe = open_probe(0);
	unsigned before;

	CU_ASSERT_TRUE(hooks() > 0);
	probe_close(probe, false);
	before = hooks();
	CU_ASSERT_EQUAL_FATAL(probe_open(&options, &probe), 0);
	CU_ASSERT_PTR_NULL(probe_threads(probe));
	CU_ASSERT_EQUAL(probe_features(probe)->f[FEATURE_SCHED].state, FEATURE_OFF);
	probe_set_level(probe, KVMLENS_DIAGNOSTIC);
	CU_ASSERT_EQUAL(hooks(), before + EXIT_HOOKS);
	probe_close(probe, false);
	CU_ASSERT_EQUAL(hooks(), before);
}

int main(void)
{
	CU_pSuite suite;
	unsigned failed;

	if (geteuid()) {
		puts("needs root");
		return 77;
	}
	/* Whatever else runs on this machine gets little of the CPU, and seldom. */
	setpriority(PRIO_PROCESS, 0, -20);
	if (getenv("SECONDS_A_CASE"))
		seconds = (unsigned)atoi(getenv("SECONDS_A_CASE"));
	CU_initialize_registry();
	suite = CU_add_suite("sched", NULL, NULL);
	CU_add_test(suite, "pinned burners", test_pinned);
	CU_add_test(suite, "burners and sleepers", test_mixed);
	CU_add_test(suite, "migrating", test_migrating);
	CU_add_test(suite, "raw tracepoints", test_raw);
	CU_add_test(suite, "blame", test_blame);
	CU_add_test(suite, "ongoing intervals", test_ongoing);
	CU_add_test(suite, "births and deaths", test_events);
	CU_add_test(suite, "a group that is off", test_group_off);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
