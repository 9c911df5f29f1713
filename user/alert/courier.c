// SPDX-License-Identifier: Apache-2.0
#include "alert/courier.h"

#include <errno.h>
#include <string.h>
#include "alert/attempt.h"

#define POLL_US (30 * G_USEC_PER_SEC) /* for what nobody poked for */
#define STORE_RETRY_US G_USEC_PER_SEC /* after the store failed */
#define GRACE_US (2 * G_USEC_PER_SEC)
#define IDLE_END_US (10 * G_USEC_PER_SEC) /* a sender that has had nothing to do so long ends */

/* A look at a ledger, as a job of its writer. */
struct look {
	struct courier *courier;
	unsigned ledger;
	bool take; /* a batch, not the numbers alone */
	struct queue_batch batch;
	struct queue_stats stats;
};

static gint64 now_ms(void)
{
	return g_get_real_time() / 1000;
}

static int look_job(sqlite3 *db, void *arg)
{
	struct look *look = arg;
	const struct config_channel *channel = look->courier->channel;
	const struct queue_limits limits = {channel->max_waiting,
					    (gint64)channel->max_age_s * 1000};
	int r = 0;

	if (!look->courier->configured[look->ledger])
		r = queue_configure(db, channel->name, &limits);
	if (!r && look->take)
		r = queue_take(db, channel->name, now_ms(), channel->group_wait_ms, &look->batch);
	return r ? r : queue_stats(db, channel->name, &look->stats);
}

static int settle_job(sqlite3 *db, void *arg)
{
	struct look *look = arg;
	struct courier *c = look->courier;

	return queue_finish(db, c->channel->name, c->unsettled[look->ledger].batch,
			    c->unsettled[look->ledger].fate);
}

static void add_stats(struct queue_stats *sum, const struct queue_stats *s)
{
	sum->waiting += s->waiting;
	sum->messages += s->messages;
	sum->alerts += s->alerts;
	sum->dropped += s->dropped;
	sum->refused += s->refused;
	if (s->oldest_ms && (!sum->oldest_ms || s->oldest_ms < sum->oldest_ms))
		sum->oldest_ms = s->oldest_ms;
}

static void note_stats(struct courier *c, const struct look *look)
{
	g_mutex_lock(&c->lock);
	c->queues[look->ledger] = look->stats;
	c->state.known = true;
	c->state.queue = (struct queue_stats){0};
	for (unsigned i = 0; i < LEDGERS; i++)
		add_stats(&c->state.queue, &c->queues[i]);
	g_mutex_unlock(&c->lock);
}

static void note_attempt(struct courier *c, bool up, const char *why)
{
	g_mutex_lock(&c->lock);
	c->state.tried = true;
	c->state.up = up;
	c->state.failures += !up;
	if (!up)
		g_strlcpy(c->state.error, why, sizeof(c->state.error));
	g_mutex_unlock(&c->lock);
}

/* False: it is to end, and nothing more may begin. */
static bool set_busy(struct courier *c, bool busy)
{
	bool stop;

	g_mutex_lock(&c->lock);
	stop = c->stop;
	c->busy = busy && !stop;
	g_cond_broadcast(&c->cond);
	g_mutex_unlock(&c->lock);
	return !stop;
}

static bool stopping(struct courier *c)
{
	bool stop;

	g_mutex_lock(&c->lock);
	stop = c->stop;
	g_mutex_unlock(&c->lock);
	return stop;
}

/* Twice as long each time, up to the channel's limit, and nobody's pauses alike. */
static void back_off(struct courier *c, gint64 least_ms)
{
	gint64 most = c->channel->retry_max_ms;
	gint64 ms = MIN(most, (gint64)c->retry_first_ms << MIN(c->failed, 20u));

	ms = (gint64)((double)ms * g_random_double_range(0.5, 1.0));
	c->failed++;
	c->resume_us = g_get_monotonic_time() + MAX(ms, least_ms) * 1000;
}

/* Send some alerts under a key; what fires told again has none. */
static enum outcome send(struct courier *c, const GArray *held)
{
	g_autofree const struct notification **alerts =
		g_new(const struct notification *, held->len);
	g_autofree char *key = NULL, *why = NULL;
	struct message message = {.node = c->node, .n = held->len, .now_ms = now_ms()};
	enum outcome outcome;
	gint64 least_ms = 0;

	for (guint i = 0; i < held->len; i++)
		alerts[i] = &g_array_index(held, struct held, i).n;
	key = queue_key(alerts, held->len);
	message.key = key;
	message.alerts = alerts;
	if (!set_busy(c, true))
		return OUTCOME_RETRY;
	outcome = attempt(c->channel, &c->sender, &message, &least_ms, &why);
	if (!set_busy(c, false) && outcome != OUTCOME_SENT)
		return OUTCOME_RETRY; /* the sender was ended */
	note_attempt(c, outcome == OUTCOME_SENT, why);
	if (outcome == OUTCOME_RETRY) {
		back_off(c, least_ms);
	} else {
		c->failed = 0;
		c->resume_us = 0;
	}
	return outcome;
}

/* Mark what was sent; until that is done nothing more of that ledger is. */
static int settle(struct courier *c, unsigned ledger)
{
	struct look look = {.courier = c, .ledger = ledger};
	int r;

	if (!c->unsettled[ledger].batch)
		return 0;
	r = ledger_run(&c->ledgers[ledger], settle_job, &look);
	if (!r)
		c->unsettled[ledger].batch = 0;
	return r;
}

static void send_batch(struct courier *c, unsigned ledger, const struct queue_batch *batch)
{
	bool keep = channel_ops_of(c->channel->type)->tell_again;
	/* Rows that cannot be read are given up. */
	enum outcome outcome = batch->held->len ? send(c, batch->held) : OUTCOME_REFUSED;

	if (outcome == OUTCOME_RETRY)
		return;
	c->unsettled[ledger].batch = batch->id;
	c->unsettled[ledger].fate = outcome == OUTCOME_REFUSED ? QUEUE_REFUSED
				    : keep		       ? QUEUE_SENT_KEEP
							       : QUEUE_SENT;
}

/* Look, and send what is due. When to look again, in microseconds from now; 0: at once. */
static gint64 work_ledger(struct courier *c, unsigned ledger)
{
	struct look look = {.courier = c, .ledger = ledger};
	gint64 wait_us = POLL_US;

	if (ledger_unused(&c->ledgers[ledger]))
		return POLL_US;
	if (settle(c, ledger))
		return STORE_RETRY_US;
	look.take = g_get_monotonic_time() >= c->resume_us;
	if (ledger_run(&c->ledgers[ledger], look_job, &look)) {
		queue_batch_clear(&look.batch);
		return STORE_RETRY_US;
	}
	c->configured[ledger] = true;
	note_stats(c, &look);
	if (look.batch.id) {
		send_batch(c, ledger, &look.batch);
		wait_us = 0;
	} else if (look.batch.due_ms) {
		wait_us = MAX(look.batch.due_ms - now_ms(), 1) * 1000;
	}
	queue_batch_clear(&look.batch);
	return wait_us;
}

/* A page of what fires. */
struct page {
	const char *channel, *after;
	GArray *held;
};

static int page_job(sqlite3 *db, void *arg)
{
	struct page *page = arg;

	return queue_firing(db, page->channel, page->after, QUEUE_BATCH_MAX, &page->held);
}

static bool tell_page(struct courier *c, unsigned ledger, char **after)
{
	struct page page = {.channel = c->channel->name, .after = *after};
	bool more = false;

	if (ledger_run(&c->ledgers[ledger], page_job, &page))
		return false;
	if (page.held->len && send(c, page.held) == OUTCOME_SENT &&
	    page.held->len == QUEUE_BATCH_MAX) {
		g_free(*after);
		*after = g_strdup(
			g_array_index(page.held, struct held, page.held->len - 1).n.alert_id);
		more = true;
	}
	g_array_unref(page.held);
	return more;
}

static void tell_again(struct courier *c)
{
	for (unsigned i = 0; i < LEDGERS; i++) {
		g_autofree char *after = g_strdup("");

		while (!ledger_unused(&c->ledgers[i]) && !stopping(c) && tell_page(c, i, &after))
			;
	}
}

/* All there is to do now; how long there will be nothing. */
static gint64 work(struct courier *c)
{
	gint64 wait_us = POLL_US, now;

	for (unsigned i = 0; i < LEDGERS && wait_us; i++)
		wait_us = MIN(wait_us, work_ledger(c, i));
	now = g_get_monotonic_time();
	if (channel_ops_of(c->channel->type)->tell_again && now >= c->resume_us) {
		if (now >= c->again_us) {
			tell_again(c);
			c->again_us = now + (gint64)c->channel->resend_ms * 1000;
		}
		wait_us = MIN(wait_us, MAX(c->again_us - now, 0));
	}
	now = g_get_monotonic_time();
	return now < c->resume_us ? c->resume_us - now : wait_us;
}

/* Until something is to be done or to end. */
static bool wait_for_work(struct courier *c, gint64 wait_us)
{
	gint64 end = g_get_monotonic_time() + wait_us;
	bool stop;

	g_mutex_lock(&c->lock);
	while (!c->stop && !c->poked && g_get_monotonic_time() < end)
		g_cond_wait_until(&c->cond, &c->lock, end);
	c->poked = false;
	stop = c->stop;
	g_mutex_unlock(&c->lock);
	return !stop;
}

static gpointer run(gpointer arg)
{
	struct courier *c = arg;
	gint64 wait_us;

	do {
		wait_us = work(c);
		if (wait_us > IDLE_END_US)
			sender_end(&c->sender);
	} while (wait_for_work(c, wait_us));
	for (unsigned i = 0; i < LEDGERS; i++)
		settle(c, i);
	return NULL;
}

int courier_start(struct courier *c)
{
	g_autofree char *name = g_strdup_printf("kvmlens-%.7s", c->channel->name);

	sender_init(&c->sender);
	g_mutex_init(&c->lock);
	g_cond_init(&c->cond);
	c->labels = labels_new_one(NULL, "channel", c->channel->name);
	c->state.channel = c->channel->name;
	c->thread = g_thread_try_new(name, run, c, NULL);
	return c->thread ? 0 : -EAGAIN;
}

void courier_poke(struct courier *c)
{
	g_mutex_lock(&c->lock);
	c->poked = true;
	g_cond_broadcast(&c->cond);
	g_mutex_unlock(&c->lock);
}

void courier_ask_stop(struct courier *c)
{
	g_mutex_lock(&c->lock);
	c->stop = true;
	g_cond_broadcast(&c->cond);
	g_mutex_unlock(&c->lock);
}

void courier_stop(struct courier *c)
{
	gint64 end = g_get_monotonic_time() + GRACE_US;

	g_mutex_lock(&c->lock);
	while (c->busy && g_get_monotonic_time() < end)
		g_cond_wait_until(&c->cond, &c->lock, end);
	g_mutex_unlock(&c->lock);
	sender_kill(&c->sender);
	if (c->thread)
		g_thread_join(c->thread);
	sender_clear(&c->sender);
	labels_unref(c->labels);
	g_mutex_clear(&c->lock);
	g_cond_clear(&c->cond);
}
