// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "bpf/burner.h"

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

uint64_t burner_now(void)
{
	return clock_ns(CLOCK_MONOTONIC_RAW);
}

void burner_sleep_ms(unsigned ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&ts, NULL);
}

static void pin(pid_t tid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(tid, sizeof(set), &set);
}

void burner_move(const struct burner *b, int cpu)
{
	pin(b->tid, cpu);
}

static void spin(uint64_t ns)
{
	uint64_t end = burner_now() + ns;

	while (burner_now() < end)
		;
}

static void step(struct burner *b)
{
	switch (b->kind) {
	case BURNER_BUSY:
		spin(100000);
		break;
	case BURNER_SLEEPY:
		spin(1000000);
		usleep(1000);
		break;
	}
}

static void *run(void *arg)
{
	struct burner *b = arg;
	uint64_t wall, cpu;

	if (b->cpu >= 0)
		pin(0, b->cpu);
	b->tid = (pid_t)syscall(SYS_gettid);
	while (b->go != 2) {
		b->idle = 1;
		b->blocked_at = burner_now();
		syscall(SYS_futex, &b->go, FUTEX_WAIT, 0, NULL, NULL, 0);
		if (b->go != 1)
			continue;
		b->idle = 0;
		wall = burner_now();
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		while (b->go == 1)
			step(b);
		b->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
		b->wall_ns = burner_now() - wall;
	}
	return NULL;
}

static void set(struct burner *b, int go)
{
	b->go = go;
	syscall(SYS_futex, &b->go, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static int is_blocked(const struct burner *b)
{
	char path[64], state = '?';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", b->tid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		abort();
	fclose(f);
	return state == 'S';
}

/*
 * Only once it is off its CPU has everything been counted: a thread that shows as sleeping may have
 * been preempted on its way to sleep, and then runs once more.
 */
static void wait_blocked(const struct burner *b)
{
	uint64_t run, delay, run_before, delay_before;

	do {
		while (!b->idle || !is_blocked(b))
			burner_sleep_ms(1);
		burner_schedstat(b, &run_before, &delay_before);
		burner_sleep_ms(10);
		burner_schedstat(b, &run, &delay);
	} while (run != run_before || delay != delay_before);
}

void burner_start(struct burner *b, enum burner_kind kind, int cpu)
{
	*b = (struct burner){.kind = kind, .cpu = cpu};
	pthread_create(&b->thread, NULL, run, b);
	wait_blocked(b);
}

void burner_work(struct burner *b)
{
	set(b, 1);
}

void burner_rest(struct burner *b)
{
	b->go = 0;
	wait_blocked(b);
}

void burner_end(struct burner *b)
{
	set(b, 2);
	pthread_join(b->thread, NULL);
}

void burner_schedstat(const struct burner *b, uint64_t *ret_run, uint64_t *ret_delay)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", b->tid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%" SCNu64 " %" SCNu64, ret_run, ret_delay) != 2)
		abort();
	fclose(f);
}
