/* SPDX-License-Identifier: Apache-2.0 */
/* A process that loads one CPU with softirqs, by packets from another, in a network of its own. */
#ifndef KVMLENS_TESTS_BLASTER_H
#define KVMLENS_TESTS_BLASTER_H

#include <sys/types.h>

/* Send from a CPU, receive on CPU 0. -1: this kernel or machine cannot. */
pid_t blaster_start(int from_cpu);
void blaster_end(pid_t pid);

#endif
