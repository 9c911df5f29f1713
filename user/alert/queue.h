/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits to be delivered: tables in the store's file. Everything here runs on the store's
 * writer, inside its transaction, so that an alert's state and its message are there both or
 * neither. Of one alert the order is kept; what is dropped is counted in the tables as well.
 */
#ifndef KVMLENS_ALERT_QUEUE_H
#define KVMLENS_ALERT_QUEUE_H

#include "alert/encode.h"
#include "store/db.h"

#define QUEUE_BATCH_MAX 100 /* alerts of one message */
#define QUEUE_MAX_WAITING 10000 /* of a channel that queue_configure() was not told of */

extern const struct store_component queue_component;

/*
 * Append a notification for a channel; one with the same key that waits there already is the
 * same. Where the channel's queue is full, the oldest that is not being sent is dropped for it.
 */
int queue_insert(sqlite3 *db, const char *channel, const struct notification *n);

struct queue_limits {
	unsigned max_waiting;
	gint64 max_age_ms;
};

/* What a channel's queue may hold, kept in the table. */
int queue_configure(sqlite3 *db, const char *channel, const struct queue_limits *limits);

/* Forget the firing alerts, and all that is older than a day, of channels that are not named. */
int queue_forget_others(sqlite3 *db, const char *const *channels, size_t n, gint64 now_ms);

/* Alerts that go out as one message; made once, and the same whenever it is taken again. */
struct queue_batch {
	gint64 id; /* 0: nothing is due */
	gint64 due_ms; /* then: when something will be; 0: nothing waits */
	GArray *held; /* struct held */
};

/* The oldest batch, made of at most max alerts of one group where there is none. */
int queue_take(sqlite3 *db, const char *channel, gint64 now_ms, gint64 group_wait_ms, unsigned max,
	       struct queue_batch *ret_batch);
void queue_batch_clear(struct queue_batch *batch);

/* Tell of it again no more, if it is over. */
int queue_forget_firing(sqlite3 *db, const char *channel, const struct notification *n);

/* Newer news of this alert went another way: forget what waits of it, for every channel. */
int queue_supersede(sqlite3 *db, const struct notification *n);

enum queue_fate {
	QUEUE_SENT,
	QUEUE_SENT_KEEP, /* and its alerts are firing ones to be told of again, until resolved */
	QUEUE_REFUSED /* the endpoint does not want this message: dropped */
};

/* A batch's end. */
int queue_finish(sqlite3 *db, const char *channel, gint64 batch, enum queue_fate fate);

/* Those that fire by what was sent with QUEUE_SENT_KEEP, by alert behind after, at most max. */
int queue_firing(sqlite3 *db, const char *channel, const char *after, unsigned max,
		 GArray **ret_held);

struct queue_stats {
	guint64 waiting; /* alerts */
	gint64 oldest_ms; /* when the oldest was queued, 0: none waits */
	guint64 messages, alerts; /* delivered */
	guint64 dropped; /* the queue was full, or they were too old */
	guint64 refused; /* by the endpoint */
};

int queue_stats(sqlite3 *db, const char *channel, struct queue_stats *ret_stats);

/* An array of struct held that frees them. */
GArray *held_array_new(void);

/* The idempotency key of a message: its alert's, or one made of theirs. Freed by the caller. */
char *queue_key(const struct notification *const *alerts, size_t n);

#endif
