// SPDX-License-Identifier: Apache-2.0
/*
 * What the sched programs cost a switch-heavy load: two threads play ping-pong through pipes on
 * one CPU, 2 switches and about 1.2 wakeups an operation, with nothing attached, an empty program,
 * runqlat, and ours, in turn, round after round. Prints each one's slowdown and the ratios.
 *
 * bench_switch [ROUNDS [MS]]; exit 1 when a target is missed, 77 without root or runqlat.
 */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <bpf/libbpf.h>
#include "bench/empty.skel.h"
#include "probe/probe.h"

#define ROUNDS_MAX 101

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The load: two threads that live as long as the bench, so that they can be tracked. */
struct load {
	int ping[2], pong[2];
	pthread_t threads[2];
	pid_t tids[2];
	double run_ns, ns_per_op;
	pthread_barrier_t begin, end;
	int stop;
};

static void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *player(void *arg)
{
	struct load *l = arg;
	char c = 'x';

	pin_to_cpu(0);
	l->tids[1] = (pid_t)syscall(SYS_gettid);
	while (read(l->ping[0], &c, 1) == 1 && write(l->pong[1], &c, 1) == 1)
		;
	return NULL;
}

/* CPU time of the process: all but the two players sleep, and other processes do not count. */
static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void play(struct load *l)
{
	double start = now_ns(), now = start, cpu = cpu_ns();
	unsigned long ops = 0;
	char c = 'x';

	while (now - start < l->run_ns) {
		for (int i = 0; i < 100; i++, ops++)
			if (write(l->ping[1], &c, 1) != 1 || read(l->pong[0], &c, 1) != 1)
				abort();
		now = now_ns();
	}
	l->ns_per_op = (cpu_ns() - cpu) / (double)ops;
}

static void *leader(void *arg)
{
	struct load *l = arg;

	pin_to_cpu(0);
	l->tids[0] = (pid_t)syscall(SYS_gettid);
	for (;;) {
		pthread_barrier_wait(&l->begin);
		if (l->stop)
			break;
		play(l);
		pthread_barrier_wait(&l->end);
	}
	close(l->ping[1]);
	return NULL;
}

static void load_start(struct load *l, double run_ns)
{
	memset(l, 0, sizeof(*l));
	l->run_ns = run_ns;
	if (pipe(l->ping) || pipe(l->pong))
		abort();
	pthread_barrier_init(&l->begin, NULL, 2);
	pthread_barrier_init(&l->end, NULL, 2);
	pthread_create(&l->threads[0], NULL, leader, l);
	pthread_create(&l->threads[1], NULL, player, l);
	while (!l->tids[0] || !l->tids[1])
		usleep(1000);
}

static double load_run(struct load *l)
{
	pthread_barrier_wait(&l->begin);
	pthread_barrier_wait(&l->end);
	return l->ns_per_op;
}

static void load_stop(struct load *l)
{
	l->stop = 1;
	pthread_barrier_wait(&l->begin);
	pthread_join(l->threads[0], NULL);
	pthread_join(l->threads[1], NULL);
}

/* What can be switched on beside the load. */
struct variant {
	const char *name;
	int (*on)(struct load *l);
	void (*off)(void);
	double samples[ROUNDS_MAX], median, slowdown;
};

static struct empty_bpf *empty_skel;
static struct probe *probe;
static pid_t runqlat;

static int nothing_on(struct load *l)
{
	return 0;
}

static void nothing_off(void)
{
}

static int empty_on(struct load *l)
{
	empty_skel = empty_bpf__open_and_load();
	return !empty_skel || empty_bpf__attach(empty_skel);
}

static void empty_off(void)
{
	empty_bpf__destroy(empty_skel);
}

static int probe_on(unsigned without)
{
	struct probe_options options = {.max_threads = 16384,
					.level = KVMLENS_STANDARD,
					.groups = KVMLENS_ALL_GROUPS,
					.without = without};

	if (probe_open(&options, &probe))
		return -1;
	return probe_threads(probe) ? 0 : -1;
}

/* As on a host whose busy tasks are no VMs: one thread is tracked, that never runs on this CPU. */
static int untracked_on(struct load *l)
{
	int is_new;

	return probe_on(0) || threads_add(probe_threads(probe), getpid(), getpid(), SCHED_ROLE_VCPU,
					  0, &is_new) < 0;
}

/* The same, but a vCPU has run here before: who runs must be known, should it come back. */
static int beside_on(struct load *l)
{
	int slot, is_new;

	if (probe_on(0))
		return -1;
	slot = threads_add(probe_threads(probe), l->tids[0], getpid(), SCHED_ROLE_VCPU, SCHED_F_TCG,
			   &is_new);
	if (slot < 0)
		return -1;
	load_run(l);
	threads_remove(probe_threads(probe), (uint16_t)slot, 0);
	return 0;
}

static int track(struct load *l, unsigned without)
{
	int i, is_new;

	if (probe_on(without))
		return -1;
	for (i = 0; i < 2; i++)
		if (threads_add(probe_threads(probe), l->tids[i], getpid(), SCHED_ROLE_VCPU,
				SCHED_F_TCG, &is_new) < 0)
			return -1;
	return 0;
}

static int tracked_on(struct load *l)
{
	return track(l, 0);
}

static int blameless_on(struct load *l)
{
	return track(l, 1u << FEATURE_BLAME);
}

static void probe_off(void)
{
	probe_close(probe, false);
}

static int runqlat_on(struct load *l)
{
	runqlat = fork();
	if (!runqlat) {
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(1);
		execlp("/usr/sbin/runqlat", "runqlat", "1000", NULL);
		_exit(127);
	}
	sleep(2); /* to load and attach */
	return waitpid(runqlat, NULL, WNOHANG) != 0;
}

static void runqlat_off(void)
{
	kill(runqlat, SIGINT);
	waitpid(runqlat, NULL, 0);
}

enum { NOTHING, EMPTY, UNTRACKED, BESIDE, BLAMELESS, TRACKED, RUNQLAT, VARIANTS };

static struct variant variants[VARIANTS] = {
	[NOTHING] = {"nothing", nothing_on, nothing_off},
	[EMPTY] = {"empty program", empty_on, empty_off},
	[UNTRACKED] = {"kvmlens, load untracked", untracked_on, probe_off},
	[BESIDE] = {"kvmlens, load untracked, on a vCPU's CPU", beside_on, probe_off},
	[BLAMELESS] = {"kvmlens, load tracked, blame off", blameless_on, probe_off},
	[TRACKED] = {"kvmlens, load tracked, blame on", tracked_on, probe_off},
	[RUNQLAT] = {"runqlat", runqlat_on, runqlat_off},
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Each round runs every variant between two runs of nothing, which cancels the machine's drift. */
static int measure(struct load *l, int rounds)
{
	int r, v;

	for (r = 0; r < rounds; r++) {
		for (v = 0; v < VARIANTS; v++) {
			double before = load_run(l), with, after;

			if (variants[v].on(l)) {
				fprintf(stderr, "cannot switch on: %s\n", variants[v].name);
				return -1;
			}
			load_run(l); /* warm up */
			with = load_run(l);
			variants[v].off();
			after = load_run(l);
			variants[v].samples[r] = with / ((before + after) / 2) - 1;
		}
	}
	for (v = 0; v < VARIANTS; v++)
		variants[v].slowdown = median(variants[v].samples, rounds);
	return 0;
}

static int check(const char *what, double ratio, double limit, int at_least)
{
	int ok = at_least ? ratio >= limit : ratio <= limit;

	printf("%-60s %6.2f  (target %s %.2f)%s\n", what, ratio, at_least ? ">=" : "<=", limit,
	       ok ? "" : "  MISSED");
	return !ok;
}

static double slowdown(int v)
{
	return variants[v].slowdown;
}

/* No program costs less than an empty one: where that alone is more, the target is out of reach. */
static int check_peer(const char *what, int v, double limit)
{
	double floor = slowdown(RUNQLAT) / slowdown(EMPTY);

	if (floor >= limit)
		return check(what, slowdown(RUNQLAT) / slowdown(v), limit, 1);
	printf("%-60s %6.2f  (target >= %.2f)  out of reach: the empty program has %.2f\n", what,
	       slowdown(RUNQLAT) / slowdown(v), limit, floor);
	return 0;
}

/* What the programs themselves cost, less what being called costs. */
static int check_net(const char *what, int v, double limit)
{
	double own = fmax(slowdown(v) - slowdown(EMPTY), 1e-4);

	return check(what, (slowdown(RUNQLAT) - slowdown(EMPTY)) / own, limit, 1);
}

/* 1 when a target is missed. */
static int report_ratios(void)
{
	int missed = 0;

	missed |= check_peer("runqlat / kvmlens, load untracked", UNTRACKED, 7);
	missed |= check("kvmlens, load untracked / empty program",
			slowdown(UNTRACKED) / slowdown(EMPTY), 1.2, 0);
	missed |= check_peer("runqlat / kvmlens, load tracked", TRACKED, 6);
	missed |= check("kvmlens, load tracked / empty program",
			slowdown(TRACKED) / slowdown(EMPTY), 1.8, 0);
	missed |= check_net("runqlat / kvmlens, load untracked, less the empty program", UNTRACKED,
			    7);
	missed |= check_net("runqlat / kvmlens, load tracked, less the empty program", TRACKED, 6);
	return missed;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 15, v;
	double ms = argc > 2 ? atof(argv[2]) : 300;
	struct load load;

	if (geteuid() || access("/usr/sbin/runqlat", X_OK)) {
		puts("needs root and runqlat");
		return 77;
	}
	libbpf_set_print(NULL);
	if (rounds < 1 || rounds > ROUNDS_MAX)
		rounds = 15;
	pin_to_cpu((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
	load_start(&load, ms * 1e6);
	if (measure(&load, rounds))
		return 1;
	load_stop(&load);
	printf("%-60s slowdown of the load, %%\n", "attached");
	for (v = 0; v < VARIANTS; v++)
		printf("%-60s %6.2f\n", variants[v].name, 100 * variants[v].slowdown);
	return report_ratios();
}
