/* SPDX-License-Identifier: Apache-2.0 */
/* Where a queue lies: in the store's file, written by its thread, or in memory. */
#ifndef KVMLENS_ALERT_LEDGER_H
#define KVMLENS_ALERT_LEDGER_H

#include <glib.h>
#include "store/store.h"

struct ledger {
	struct store *store; /* NULL: in memory */
	GMutex lock; /* of what follows */
	sqlite3 *memory; /* NULL: nothing was ever put there */
};

void ledger_init(struct ledger *ledger, struct store *store);
void ledger_clear(struct ledger *ledger);

/* Is there certainly nothing in it? */
bool ledger_unused(struct ledger *ledger);

/*
 * Run in one transaction and wait for it, which the disk may make long. What the job or its
 * commit gave; -EAGAIN: the store has no room for jobs, or its file cannot be opened now.
 */
int ledger_run(struct ledger *ledger, store_job_fn run, void *arg);

#endif
