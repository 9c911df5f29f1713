/* SPDX-License-Identifier: Apache-2.0 */
/* Threads with a known behaviour, and what the kernel and their own clocks say of them. */
#ifndef KVMLENS_TESTS_BURNER_H
#define KVMLENS_TESTS_BURNER_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

enum burner_kind {
	BURNER_BUSY, /* never sleeps */
	BURNER_SLEEPY, /* works about 1 ms, sleeps about 1 ms */
};

struct burner {
	enum burner_kind kind;
	int cpu; /* pinned to, -1: none */
	volatile int go; /* 0: wait, 1: work, 2: end */
	volatile int idle;
	volatile pid_t tid;
	pthread_t thread;
	volatile uint64_t blocked_at; /* burner_now() just before it last blocked */
	uint64_t wall_ns, cpu_ns; /* its own clocks over the last spell of work */
};

/* Start the thread; it waits, blocked, for burner_work. */
void burner_start(struct burner *burner, enum burner_kind kind, int cpu);
void burner_work(struct burner *burner);
/* Move the thread to a CPU now, from outside, as virsh vcpupin or the load balancer does. */
void burner_move(const struct burner *burner, int cpu);
/* Back to waiting; returns once it is blocked. */
void burner_rest(struct burner *burner);
void burner_end(struct burner *burner);

/* /proc/self/task/TID/schedstat: nanoseconds on a CPU and waiting for one. */
void burner_schedstat(const struct burner *burner, uint64_t *ret_run, uint64_t *ret_delay);

uint64_t burner_now(void);
void burner_sleep_ms(unsigned ms);

#endif
