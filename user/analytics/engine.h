/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The analytics engine: learns every snapshot on a thread of its caller's, and lets the next
 * snapshots show what it found. Memory: a struct watch_state (9 KB) for each series watched, at
 * most ENGINE_SERIES of a VM and ENGINE_SERIES_ALL of all. Nothing is learned of a VM before it has
 * been there for ENGINE_MIN_AGE_S, so that VMs that come and go cost nothing. Of VMs that have left
 * the last seen are remembered, ENGINE_SERIES_GONE series in all, for an hour.
 */
#ifndef KVMLENS_ANALYTICS_ENGINE_H
#define KVMLENS_ANALYTICS_ENGINE_H

#include <glib.h>
#include <kvmlens.h>
#include "analytics/watch.h"

#define ENGINE_SERIES 64
#define ENGINE_SERIES_ALL 16384
#define ENGINE_SERIES_GONE 2048
#define ENGINE_MIN_AGE_S 300
#define ENGINE_CONTRIBUTIONS 3

struct engine;

struct engine *engine_new(void);
void engine_free(struct engine *engine);

/* A kvmlens_sink_fn. One thread at a time. */
void engine_feed(void *engine, const struct kvmlens_snapshot *snapshot);

/* A collector_fill_fn, on any thread: adds what was found last. Never blocks on engine_feed. */
void engine_fill(void *engine, struct kvmlens_snapshot *snapshot);

/*
 * Every series' memory, to be kept: uuid, metric and labels (without vm and uuid) name it. On the
 * thread that feeds. Return non-zero to end.
 */
typedef int (*engine_state_fn)(void *arg, const char *uuid, const char *metric, const char *labels,
			       const struct watch_state *state);
int engine_each_state(struct engine *engine, engine_state_fn fn, void *arg);

/*
 * Memory that was kept, for the series when it is seen; before the first engine_feed. -EINVAL: it
 * makes no sense and is ignored.
 */
int engine_remember(struct engine *engine, const char *uuid, const char *metric, const char *labels,
		    const void *bytes, size_t n);

struct engine_stats {
	guint64 vms, series, refused; /* refused: samples beyond a bound */
	guint64 bytes; /* of all states */
	guint64 cpu_ns; /* in engine_feed */
};

void engine_stats(struct engine *engine, struct engine_stats *ret_stats);

#endif
