/* SPDX-License-Identifier: Apache-2.0 */
/* A VM with a few vCPUs that execute one routine at a time, all of them the same. */
#ifndef MINI_VM_H
#define MINI_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_VCPUS 8

struct mini;
struct routine;

struct vcpu {
	struct mini *mini;
	pthread_t thread;
	unsigned id;
	int fd, stats_fd, pin;
	struct kvm_run *run;
	pid_t tid;
	_Atomic unsigned generation; /* of the last command that it finished */
	uint64_t pio, hlt; /* exits that reached this program; HLT commands executed */
	uint64_t born_ns;
};

struct mini {
	int vm;
	uint8_t *mem;
	unsigned n;
	struct vcpu vcpu[MAX_VCPUS];
	pthread_mutex_t lock;
	pthread_cond_t go, done;
	unsigned generation, running;
	const struct routine *routine;
	uint64_t count;
};

/* Make the VM and start its n vCPU threads; ends the program on failure, as all here does. */
void mini_start(struct mini *mini);

/* The routine of that name, NULL: there is none. */
const struct routine *routine_find(const char *name);

/* Let every vCPU execute it, count meaning what the routine makes of it, and wait for all. */
void mini_run(struct mini *mini, const struct routine *routine, uint64_t count);

void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...);
uint64_t clock_ns(clockid_t clock);
void sleep_ns(uint64_t ns);

#endif
