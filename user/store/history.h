/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The history component of the store: each tick a head row for each VM and one for the host, at
 * every fifth minute blocks and rollups in their place. Everything here runs on the store's
 * writer thread.
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

/* Write a snapshot in one transaction; -errno: nothing of it was written. */
int history_tick(struct history *history, sqlite3 *db, const struct kvmlens_snapshot *snapshot);

/*
 * Turn the head rows before a time into blocks and rollups, and whole hours of rollups into one
 * row, in one transaction. history_tick does this when a window has ended.
 */
int history_flush(struct history *history, sqlite3 *db, gint64 before_ms);

/* The file is another one: nothing of it is known. */
void history_forget(struct history *history);

/* Series that were not kept, because a VM has more than COLUMNS_MAX. */
guint64 history_refused(const struct history *history);

#endif
