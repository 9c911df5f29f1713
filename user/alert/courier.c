// SPDX-License-Identifier: Apache-2.0
#include "alert/courier.h"

#include <errno.h>
#include <string.h>
#include "alert/attempt.h"
#include "config/channel_options.h"
#include "config/load.h"

#define POLL_US (30 * G_USEC_PER_SEC) /* for what nobody poked for */
#define STORE_RETRY_US G_USEC_PER_SEC /* after the store failed */
#define GRACE_US (2 * G_USEC_PER_SEC)
#define IDLE_END_US (10 * G_USEC_PER_SEC) /* a sender that has had nothing to do so long ends */

/* A job for a ledger's writer. It may outlive the courier, so that all of it is its own. */
struct look {
	char *channel;
	bool configure; /* the queue does not know its limits */
	bool take; /* a batch, not the numbers alone */
	struct queue_limits limits;
	gint64 group_wait_ms;
	unsigned max; /* alerts of a batch */
	struct queue_batch batch;
	struct queue_stats stats;
	gint64 finished; /* a batch that was sent, and its fate */
	enum queue_fate fate;
	char *after; /* of a page of what fires */
	GArray *held;
};

static struct look *look_new(const struct courier *c)
{
	struct look *look = g_new0(struct look, 1);

	look->channel = g_strdup(c->channel->name);
	look->limits = (struct queue_limits){c->channel->max_waiting,
					     (gint64)c->channel->max_age_s * 1000};
	look->group_wait_ms = c->channel->group_wait_ms;
	look->max = channel_ops_of(c->channel->type)->single ? 1 : QUEUE_BATCH_MAX;
	return look;
}

static void look_free(void *arg)
{
	struct look *look = arg;

	queue_batch_clear(&look->batch);
	g_clear_pointer(&look->held, g_array_unref);
	g_free(look->after);
	g_free(look->channel);
	g_free(look);
}

static gint64 now_ms(void)
{
	return g_get_real_time() / 1000;
}

static int look_job(sqlite3 *db, void *arg)
{
	struct look *look = arg;
	int r = 0;

	if (look->configure)
		r = queue_configure(db, look->channel, &look->limits);
	if (!r && look->take)
		r = queue_take(db, look->channel, now_ms(), look->group_wait_ms, look->max,
			       &look->batch);
	return r ? r : queue_stats(db, look->channel, &look->stats);
}

static int settle_job(sqlite3 *db, void *arg)
{
	struct look *look = arg;

	return queue_finish(db, look->channel, look->finished, look->fate);
}

/* Run and free it, but for what the caller takes out of it on success. */
static int look_run(struct courier *c, unsigned ledger, store_job_fn job, struct look *look)
{
	int r = ledger_run(&c->ledgers[ledger], job, look, look_free);

	if (r && r != -ETIMEDOUT)
		look_free(look);
	return r;
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

static void note_stats(struct courier *c, unsigned ledger, const struct look *look)
{
	g_mutex_lock(&c->lock);
	c->queues[ledger] = look->stats;
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
	struct message message = {
		.node = c->node, .link = c->link, .n = held->len, .now_ms = now_ms()};
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
	struct look *look;
	int r;

	if (!c->unsettled[ledger].batch)
		return 0;
	look = look_new(c);
	look->finished = c->unsettled[ledger].batch;
	look->fate = c->unsettled[ledger].fate;
	r = look_run(c, ledger, settle_job, look);
	if (r)
		return r;
	look_free(look);
	c->unsettled[ledger].batch = 0;
	return 0;
}

static int forget_job(sqlite3 *db, void *arg)
{
	struct look *look = arg;
	int r = 0;

	for (guint i = 0; !r && i < look->held->len; i++)
		r = queue_forget_firing(db, look->channel,
					&g_array_index(look->held, struct held, i).n);
	return r;
}

/* What was queued in memory as firing, and is over by what the store had, is told again no more. */
static void forget_in_memory(struct courier *c, struct queue_batch *batch)
{
	struct look *look;

	if (ledger_unused(&c->ledgers[LEDGER_MEMORY]))
		return;
	look = look_new(c);
	look->held = g_steal_pointer(&batch->held);
	if (look_run(c, LEDGER_MEMORY, forget_job, look) == 0)
		look_free(look);
}

static void send_batch(struct courier *c, unsigned ledger, struct queue_batch *batch)
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
	if (keep && ledger == LEDGER_STORE)
		forget_in_memory(c, batch);
}

/* Look, and send what is due. When to look again, in microseconds from now; 0: at once. */
static gint64 work_ledger(struct courier *c, unsigned ledger)
{
	gint64 wait_us = POLL_US;
	struct look *look;

	if (ledger_unused(&c->ledgers[ledger]))
		return POLL_US;
	if (settle(c, ledger))
		return STORE_RETRY_US;
	look = look_new(c);
	look->configure = !c->configured[ledger];
	look->take = g_get_monotonic_time() >= c->resume_us;
	if (look_run(c, ledger, look_job, look))
		return STORE_RETRY_US;
	c->configured[ledger] = true;
	note_stats(c, ledger, look);
	if (look->batch.id) {
		send_batch(c, ledger, &look->batch);
		wait_us = 0;
	} else if (look->batch.due_ms) {
		wait_us = MAX(look->batch.due_ms - now_ms(), 1) * 1000;
	}
	look_free(look);
	return wait_us;
}

static int page_job(sqlite3 *db, void *arg)
{
	struct look *look = arg;

	return queue_firing(db, look->channel, look->after, QUEUE_BATCH_MAX, &look->held);
}

static bool tell_page(struct courier *c, unsigned ledger, char **after)
{
	struct look *look = look_new(c);
	bool more = false;

	look->after = g_strdup(*after);
	if (look_run(c, ledger, page_job, look))
		return false;
	if (look->held->len && send(c, look->held) == OUTCOME_SENT &&
	    look->held->len == QUEUE_BATCH_MAX) {
		g_free(*after);
		*after = g_strdup(
			g_array_index(look->held, struct held, look->held->len - 1).n.alert_id);
		more = true;
	}
	look_free(look);
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

struct courier *courier_new(const struct config_channel *channel, const char *node,
			    const char *link, struct ledger *ledgers, unsigned retry_first_ms)
{
	struct courier *c = g_new0(struct courier, 1);

	c->channel = load_clone(channel_options, sizeof(*channel), channel);
	c->node = node;
	c->link = link;
	c->ledgers = ledgers;
	c->retry_first_ms = retry_first_ms;
	sender_init(&c->sender);
	g_mutex_init(&c->lock);
	g_cond_init(&c->cond);
	c->labels = labels_new_one(NULL, "channel", c->channel->name);
	c->state.channel = c->channel->name;
	return c;
}

int courier_start(struct courier *c)
{
	g_autofree char *name = g_strdup_printf("kvmlens-%.7s", c->channel->name);

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

void courier_free(struct courier *c)
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
	load_free(channel_options, sizeof(*c->channel), c->channel);
	g_free(c);
}
