/* SPDX-License-Identifier: Apache-2.0 */
/* Loading sched.bpf.c in the best form that the kernel takes, with its maps. */
#ifndef KVMLENS_PROBE_SCHED_H
#define KVMLENS_PROBE_SCHED_H

#include <glib.h>
#include <stdbool.h>
#include "probe/feature.h"
#include "probe/object.h"
#include <sched_types.h>

enum sched_map {
	SCHED_MAP_THREADS,
	SCHED_MAP_GLOBALS,
	SCHED_MAP_LOST,
	SCHED_MAP_EVENTS,
	SCHED_MAP_BLAME_CPUS,
	SCHED_MAPS,
};

enum sched_program {
	SCHED_PROG_SWITCH,
	SCHED_PROG_MIGRATE,
	SCHED_PROG_WAKEUP,
	SCHED_PROG_WAKEUP_NEW,
	SCHED_PROG_NEWTASK,
	SCHED_PROG_EXIT,
	SCHED_PROGS,
};

struct sched {
	const struct pin *pin; /* NULL: private */
	struct object_map maps[SCHED_MAPS];
	struct bpf_object *obj; /* NULL when links were adopted */
	struct bpf_link *links[SCHED_PROGS];
	struct bpf_object *iter_obj; /* the task iterator, never pinned */
	struct bpf_link *iter_link;
	struct sched_thread *records; /* mapped */
	struct sched_globals *globals; /* mapped */
	GMutex scanning; /* one walk of the iterator at a time: all read globals->now */
	unsigned n;
	bool raw; /* do not try the BTF-typed form */
};

struct sched_options {
	unsigned max_threads;
	unsigned without; /* as in struct probe_options */
	bool adopt_maps, adopt_links;
};

/*
 * Load and attach, or take over pinned maps (adopt_maps) and links (adopt_links). What happened
 * goes into features. On failure *ret_sched is untouched.
 */
int sched_open(const struct pin *pin, const struct sched_options *options,
	       struct features *features, struct sched **ret_sched);
void sched_close(struct sched *sched, bool keep_pins);

/* Append struct sched_waiting of threads woken but not yet run. -ENOTSUP: the kernel cannot. */
int sched_scan_waiting(struct sched *sched, uint64_t now, GArray *waiting);

/* Hash of both objects. */
uint64_t sched_build(void);

#endif
