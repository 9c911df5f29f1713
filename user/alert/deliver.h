/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery: a thread for each channel takes what waits in its queue, has it sent, and marks it
 * done; what fails is tried again, ever later. One dead channel delays no other, and nothing here
 * delays who queues. At least once: a message that may have arrived is sent again under its key.
 */
#ifndef KVMLENS_ALERT_DELIVER_H
#define KVMLENS_ALERT_DELIVER_H

#include <kvmlens.h>
#include "alert/notification.h"
#include "alert/queue.h"
#include "config/channel.h"
#include "store/store.h"

struct deliver_options {
	const struct config_channel *channels; /* copied, as are node and link */
	size_t n;
	const char *node;
	const char *link; /* URL of the agent's page, NULL: none */
	struct store *store; /* with queue_component; outlives it. NULL: memory alone */
	unsigned retry_first_ms; /* the first pause after a failure; 0: one second */
};

struct deliver;

/* Begin; what waits since an earlier run is sent first. -EAGAIN: no thread could be made. */
int deliver_new(const struct deliver_options *options, struct deliver **ret_deliver);

/*
 * Other channels from now on. One that is the same goes on undisturbed; of one that changed what
 * waits is sent as it is now. Waits for the end of the others, two seconds at most. -EAGAIN: no
 * thread could be made for one.
 */
int deliver_reload(struct deliver *deliver, const struct config_channel *channels, size_t n);

/* What is being sent has two seconds to end. What waits stays in the store. NULL is fine. */
void deliver_free(struct deliver *deliver);

/* queue_insert() has put something into the store, and that is committed. NULL is fine. */
void deliver_poke(struct deliver *deliver);

/*
 * Queue in memory, for who has no store, or one whose file cannot be written: lost with the
 * process. -ENOENT: no such channel. Does not wait for any disk or network.
 */
int deliver_offer(struct deliver *deliver, const char *channel, const struct notification *n);

struct deliver_state {
	const char *channel; /* lives until the next reload */
	bool tried; /* something was, since the start */
	bool up; /* and the last time it was taken */
	guint64 failures; /* attempts */
	char error[256]; /* of the last failure: no secret, nothing that a server said */
	bool known; /* queue is: it was looked at */
	struct queue_stats queue;
};

/* False: there is no i-th channel. */
bool deliver_get_state(struct deliver *deliver, size_t i, struct deliver_state *ret_state);

/* The same of the channel of that name, but for state.channel. */
bool deliver_get_named(struct deliver *deliver, const char *name, struct deliver_state *ret_state);

/* A collector_fill_fn; arg is a struct deliver. */
void deliver_fill(void *arg, struct kvmlens_snapshot *snapshot);

/* Send a test message now, past every queue. *ret_why (g_free) says what went wrong. */
int channel_send_test(const struct config_channel *channel, const char *node, const char *link,
		      char **ret_why);

#endif
