// SPDX-License-Identifier: Apache-2.0
#include "util/spawn.h"

#include <signal.h>

int spawn_plan_signals(posix_spawnattr_t *attr)
{
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	r = posix_spawnattr_setsigdefault(attr, &all);
	r = r ?: posix_spawnattr_setsigmask(attr, &none);
	return r ?: posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}
