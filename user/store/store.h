/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics store: one SQLite file, one thread that writes it. Snapshots and jobs of other
 * components are handed over without ever waiting; what the thread cannot keep up with, or the
 * file system refuses, is dropped and counted, and the next one is tried.
 */
#ifndef KVMLENS_STORE_STORE_H
#define KVMLENS_STORE_STORE_H

#include <kvmlens.h>
#include "store/db.h"
#include "store/retention.h"

#define STORE_TICKS_MAX 32 /* waiting */
#define STORE_JOBS_MAX 4096
#define STORE_RAW_S (48 * 3600)
#define STORE_ROLLUP_S (90 * 86400)
#define STORE_MAX_BYTES (1ull << 30)

struct store_config {
	const char *path;
	struct retention retention; /* zeros: the defaults above */
	/* Tables of others beside history's; both live as long as the store. */
	const struct store_component *const *components;
	size_t n_components;
};

struct store_stats {
	bool open; /* the last attempt to use the file succeeded */
	guint64 ticks, ticks_dropped; /* written; lost to a full queue or a failure */
	guint64 jobs, jobs_failed, jobs_refused; /* refused: the queue was full */
	guint64 failures; /* of any kind */
	guint64 set_aside; /* damaged files */
	guint64 series_refused; /* beyond COLUMNS_MAX of a VM */
	guint64 aged; /* rows removed for their age */
	/* Because the file was too large: VMs that were gone, and their rows; rows of VMs there. */
	guint64 gone_vms, gone_rows, squeezed;
	guint64 replaced; /* times that the file or its log was found removed or replaced */
	bool others; /* the file is too large, and not by history */
	guint64 bytes; /* of the file */
	guint64 waiting; /* in the queue */
	guint64 writer_ns; /* CPU time of the thread */
	int error; /* the last failure, negative errno; 0: none yet */
	char note[512]; /* what was last said of a damaged or replaced file, "": nothing */
	char dropped[512]; /* what last left because the file was too large */
};

struct store;

/*
 * Begin; the file is opened by the thread, so this does not wait for it, and a file that cannot
 * be opened is tried again now and then. -EINVAL: no path; else what starting a thread gives.
 */
int store_new(const struct store_config *config, struct store **ret_store);

/*
 * From now on locks and what waits hold nothing up for longer than this in all: what is not written
 * by then is dropped, counted. The first call counts.
 */
void store_hurry(struct store *store, unsigned ms);

/*
 * Write what is waiting, move the log into the file, close it, end the thread. After
 * store_hurry a thread that the file system holds on to is left behind with the store: -ETIMEDOUT,
 * and what jobs use must stay.
 */
int store_free(struct store *store);

/* Hand over a snapshot; takes a reference of its own. -EAGAIN: the queue is full. */
int store_offer(struct store *store, const struct kvmlens_snapshot *snapshot);

/* On the thread, in one transaction: 0 commits, a negative errno rolls back. */
typedef int (*store_job_fn)(sqlite3 *db, void *arg);
/* Afterwards, on the thread, always once: with what the job or its commit gave. */
typedef void (*store_done_fn)(void *arg, int result);

/* Hand over a job. -EAGAIN: the queue is full, and done (may be NULL) is not called. */
int store_submit(struct store *store, store_job_fn run, store_done_fn done, void *arg);

/*
 * Wait until everything that was handed over before is in the file or dropped, and what is done
 * beside is done; after store_hurry until its time is over.
 */
void store_flush(struct store *store);

void store_stats(struct store *store, struct store_stats *ret_stats);

#endif
