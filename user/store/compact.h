/* SPDX-License-Identifier: Apache-2.0 */
/* Head rows become blocks and rollups; rollups of five minutes become hours. */
#ifndef KVMLENS_STORE_COMPACT_H
#define KVMLENS_STORE_COMPACT_H

#include <glib.h>
#include <sqlite3.h>
#include "store/codec.h"

/* All in the caller's transaction. A head row that makes no sense is dropped. */
int compact_heads(sqlite3 *db, struct codec *codec, gint64 before_ms);

/* Join the five-minute rollups of each hour that ended before a time, and add the hour's own. */
int compact_hours(sqlite3 *db, struct codec *codec, gint64 before_s);

#endif
