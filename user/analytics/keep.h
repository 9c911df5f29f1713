/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's memory in the store, so that a restart does not begin anew. */
#ifndef KVMLENS_ANALYTICS_KEEP_H
#define KVMLENS_ANALYTICS_KEEP_H

#include "analytics/engine.h"
#include "store/store.h"

/* Between two times that everything is written. */
#define KEEP_S 1800

extern const struct store_component keep_component;

/*
 * Hand every series' memory to the store's writer, in one job. On the thread that feeds the
 * engine. -EAGAIN: the store's queue is full.
 */
int keep_save(struct engine *engine, struct store *store, gint64 now_s);

/*
 * Read back what was kept at path; before the first feed. Series not kept for 30 days are left
 * out. Returns how many series, or -ENOENT: there is no store, or another negative errno.
 */
int keep_load(struct engine *engine, const char *path, gint64 now_s);

#endif
