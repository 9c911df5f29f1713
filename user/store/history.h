/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The history component of the store: each tick a head row for each VM and one for the host, at
 * every fifth minute blocks and rollups in their place. Everything here runs on the store's
 * writer thread.
 *
 * Tables: vm (uuid '' is the host); key (metric, labels, scale), what a series is called, shared by
 * all VMs; shape, a list of keys as text "1,2,7-40", shared by VMs of a kind; layout, that rows of
 * a VM have a shape. head, block and rollup belong to a layout: value number i of a row has the key
 * number i of the shape. A VM that lived for a minute so leaves its rows and some bytes beside.
 */
#ifndef KVMLENS_STORE_HISTORY_H
#define KVMLENS_STORE_HISTORY_H

#include <sqlite3.h>
#include "metric/model.h"
#include "store/db.h"

#define HISTORY_WINDOW_S 300
#define HISTORY_HOUR_S 3600

extern const struct store_component history_component;

struct history;

struct history *history_new(void);
void history_free(struct history *history);

/*
 * Write a snapshot in one transaction; -errno: nothing of it was written. This alone is in a
 * tick's way: what has to be done beside it is work.
 */
int history_tick(struct history *history, sqlite3 *db, const struct kvmlens_snapshot *snapshot);

/*
 * Do one short piece of what waits, in a transaction: head rows of windows that have ended become
 * blocks and rollups, rollups of whole hours one row. Returns 1: there may be more; 0: nothing
 * waits; -errno.
 */
int history_work(struct history *history, sqlite3 *db);

/* The file is another one: nothing of it is known. */
void history_forget(struct history *history);

/* Series that were not kept, because a VM has more than COLUMNS_MAX. */
guint64 history_refused(const struct history *history);

#endif
