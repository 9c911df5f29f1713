/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a queue lies: in the store's file, written by its thread, or in memory. A disk that hangs
 * holds up that thread, not who waits for it: after LEDGER_WAIT_US the job is abandoned, and
 * until it has ended no other one is begun.
 */
#ifndef KVMLENS_ALERT_LEDGER_H
#define KVMLENS_ALERT_LEDGER_H

#include <glib.h>
#include "store/store.h"

#define LEDGER_WAIT_US (5 * G_USEC_PER_SEC)

struct waited;

struct ledger {
	struct store *store; /* NULL: in memory */
	GMutex lock; /* of what follows */
	struct waited *abandoned; /* a reference; NULL: none */
	sqlite3 *memory; /* NULL: nothing was ever put there */
};

void ledger_init(struct ledger *ledger, struct store *store);
void ledger_clear(struct ledger *ledger);

/* Is there certainly nothing in it? */
bool ledger_unused(struct ledger *ledger);

/*
 * Run in one transaction and wait for it. What the job or its commit gave; -EAGAIN: the store has
 * no room for jobs, its file cannot be opened now, or an abandoned job still runs. -ETIMEDOUT: the
 * job is abandoned; arg then belongs to it and is freed by free_arg, else it stays the caller's.
 * A job must reach nothing but arg and its database.
 */
int ledger_run(struct ledger *ledger, store_job_fn run, void *arg, GDestroyNotify free_arg);

#endif
