/* SPDX-License-Identifier: Apache-2.0 */
/* Head rows become blocks and rollups; rollups of five minutes become hours. */
#ifndef KVMLENS_STORE_COMPACT_H
#define KVMLENS_STORE_COMPACT_H

#include <glib.h>
#include <sqlite3.h>
#include "store/codec.h"

struct compaction;

/* Of the head rows before a time, and the hours that ended before it. */
struct compaction *compaction_new(gint64 before_ms);
void compaction_free(struct compaction *compaction);

/*
 * One piece, in a transaction: the head rows of one layout become blocks and rollups, or the
 * five-minute rollups of a layout's hour one row and the hour's own. A head row that makes no sense
 * is dropped. Returns 1: there may be more; 0: all is done; -errno: nothing of the piece was done.
 */
int compaction_step(struct compaction *compaction, sqlite3 *db, struct codec *codec);

#endif
