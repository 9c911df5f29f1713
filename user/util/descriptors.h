/* SPDX-License-Identifier: Apache-2.0 */
/* The file descriptors of this process: how many it may have, has, and can still open. */
#ifndef KVMLENS_UTIL_DESCRIPTORS_H
#define KVMLENS_UTIL_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

/* RLIMIT_NOFILE, soft; UINT64_MAX: none. */
uint64_t descriptors_limit(void);

/* Raise the soft limit to the hard one: nothing here uses select(). */
void descriptors_raise(void);

/* Open now; UINT64_MAX: unknown, as before Linux 6.2 when none is left to count with. */
uint64_t descriptors_open(void);

/*
 * True if n more can be opened. Ask before work that would take a missing descriptor for a missing
 * VM, or in a library that aborts without one.
 */
bool descriptors_spare(unsigned n);

#endif
