/* SPDX-License-Identifier: Apache-2.0 */
/* What is too old, or too much, leaves the file, and its space goes back to the file system. */
#ifndef KVMLENS_STORE_RETENTION_H
#define KVMLENS_STORE_RETENTION_H

#include <glib.h>
#include <sqlite3.h>
#include <stdint.h>

struct retention {
	gint64 raw_s, rollup_s; /* ages */
	uint64_t max_bytes; /* of the file */
};

struct retention_result {
	guint64 aged, squeezed; /* rows removed for their age; for the file's size */
};

/* Each step in a short transaction of its own. */
int retention_run(sqlite3 *db, const struct retention *retention, gint64 now_s,
		  struct retention_result *ret_result);

/* Bytes of the file that are in use, and of all of it. */
uint64_t retention_used(sqlite3 *db);
uint64_t retention_size(sqlite3 *db);

#endif
