/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent remembers: store, analytics and alerts, fed by the snapshots. */
#ifndef KVMLENS_MEMORY_H
#define KVMLENS_MEMORY_H

#include "config/config.h"
#include "core/collector.h"
#include "store/store.h"
#include "util/log.h"
#include "web/web.h"

struct deliver;
struct keeper;
struct memory;

/*
 * Register sinks and fillers at the collector, before it is started. config and log must outlive
 * it. *ret_memory is set on failure as well: the collector may refer to it.
 */
int memory_open(const struct config *config, struct log *log, struct kvmlens_collector *collector,
		struct memory **ret_memory);

/*
 * Open the store and take up what the engine knew, before the collector makes its threads. A store
 * that cannot be used is logged and tried again, and never an error.
 */
int memory_start(struct memory *memory);

/* A web_answer_fn: what the store remembers; -ENOENT where it is switched off. Any thread. */
int memory_answer(void *memory, const struct web_query *query, struct textbuf *out);

/* The store, for others' jobs; NULL: it is switched off, or not started. */
struct store *memory_store(const struct memory *memory);

/* The alerts, NULL: they are off. */
struct keeper *memory_keeper(struct memory *memory);

/* Whom alerts are handed to; NULL: to nobody any more, once what waits is written. */
void memory_set_deliver(struct memory *memory, struct deliver *deliver);

/* Take over alert rules and channels; config is only read. */
void memory_reload(struct memory *memory, const struct config *config);

/* After the collector is freed: write what is left, free. NULL is ignored. */
void memory_close(struct memory *memory);

#endif
