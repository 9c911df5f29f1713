/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alert engine in the agent: fed by the snapshots on a thread of its own, its events written
 * to the store in order, together with what is to be told; taken up again after a restart. Without
 * a store alerts live in memory, and a restart forgets them.
 */
#ifndef KVMLENS_ALERT_KEEPER_H
#define KVMLENS_ALERT_KEEPER_H

#include "alert/deliver.h"
#include "config/config.h"
#include "store/store.h"
#include "util/textbuf.h"

#define KEEPER_EVENTS_MAX 20000 /* that wait for a store that fails */
#define KEEPER_VM_ALERTS_MAX 16 /* of a VM in a snapshot, the most severe */

struct keeper;

/* config is only read. Never NULL. */
struct keeper *keeper_new(const struct config *config);

/*
 * Take up what the file knows and write to the store from now on; before the first snapshot, and
 * both outlive the keeper's last. Returns the number of alerts that go on, or a negative errno.
 */
int keeper_start(struct keeper *keeper, struct store *store, const char *path);

/* Whom to wake when something is to be told; NULL: nobody, from now on. Any thread. */
void keeper_set_deliver(struct keeper *keeper, struct deliver *deliver);

/* Other rules and channels from the next snapshot on. Any thread. */
void keeper_reload(struct keeper *keeper, const struct config *config);

/* A kvmlens_sink_fn. */
void keeper_feed(void *keeper, const struct kvmlens_snapshot *snapshot);

/* A collector_fill_fn: what fires, and the numbers of the alerts. Does not wait for keeper_feed. */
void keeper_fill(void *keeper, struct kvmlens_snapshot *snapshot);

/* A page of JSON: see README. */
void keeper_render(void *keeper, const struct kvmlens_snapshot *snapshot, struct textbuf *out);

/* Hand what waits to the store, once no snapshot comes any more. */
void keeper_flush(struct keeper *keeper);

/* After the store is closed. NULL is ignored. */
void keeper_free(struct keeper *keeper);

#endif
