/* SPDX-License-Identifier: Apache-2.0 */
/* How the VMM processes that are watched end: loads exit.bpf.c. */
#ifndef KVMLENS_PROBE_EXITS_H
#define KVMLENS_PROBE_EXITS_H

#include <stdint.h>
#include <exit_types.h>
#include "probe/feature.h"

struct exits;

/* NULL: the kernel refused it, which is in features. */
struct exits *exits_open(struct features *features);
void exits_close(struct exits *exits);

/* Watch a process from now on. -ENOSPC: there are too many. */
int exits_watch(struct exits *exits, uint32_t tgid);

/* How it ended, and watch it no longer. -ENOENT: it was not watched. */
int exits_take(struct exits *exits, uint32_t tgid, struct exit_record *ret_record);

#endif
