/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVMLENS_UTIL_SPAWN_H
#define KVMLENS_UTIL_SPAWN_H

#include <spawn.h>

/*
 * Signals as a new program expects them, whatever the thread that starts it blocks. Returns what
 * posix_spawnattr_*() does: 0 or a positive errno.
 */
int spawn_plan_signals(posix_spawnattr_t *attr);

#endif
