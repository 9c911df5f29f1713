/* SPDX-License-Identifier: Apache-2.0 */
/* What is too old, or too much, leaves the file, and its space goes back to the file system. */
#ifndef KVMLENS_STORE_RETENTION_H
#define KVMLENS_STORE_RETENTION_H

#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct retention {
	gint64 raw_s, rollup_s; /* ages */
	uint64_t max_bytes; /* of the file */
};

struct retention_result {
	guint64 aged; /* rows removed for their age */
	/* For the file's size: VMs long gone, with all that was kept of them; rows of VMs there. */
	guint64 gone_vms, gone_rows, squeezed;
	gint64 gone_seen_s; /* when the last of those VMs was last there */
	gint64 squeezed_ms; /* no row of largest before this is left; 0: nothing was squeezed */
	char largest[128]; /* the VM that lost values last, by name */
	bool others; /* it is not history that fills the file */
};

/* One run. What leaves because the file is too large: VMs that are gone, the one first that is gone
 * the longest; then the oldest values of the VM that has most of them. */
struct retention_run;

struct retention_run *retention_begin(const struct retention *retention, gint64 now_s);
void retention_end(struct retention_run *run);

/*
 * One short piece, in a transaction of its own. Returns 1: there may be more; 0: all is done;
 * -errno. *result adds up.
 */
int retention_step(struct retention_run *run, sqlite3 *db, struct retention_result *result);

/* Bytes of the file that are in use, and of all of it. */
uint64_t retention_used(sqlite3 *db);
uint64_t retention_size(sqlite3 *db);

#endif
