// SPDX-License-Identifier: Apache-2.0
#include "alert/deliver.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "alert/attempt.h"
#include "alert/courier.h"
#include "config/channel_options.h"
#include "metric/model.h"

#define RETRY_FIRST_MS 1000

struct deliver {
	struct ledger ledgers[LEDGERS];
	struct store *store; /* NULL: none */
	char *node, *link;
	unsigned retry_first_ms;
	GMutex lock; /* of what follows */
	GPtrArray *couriers; /* struct courier * */
};

/* What channels left that are configured no more. */
struct others {
	char **names;
	size_t n;
};

static int forget_job(sqlite3 *db, void *arg)
{
	struct others *others = arg;

	return queue_forget_others(db, (const char *const *)others->names, others->n,
				   g_get_real_time() / 1000);
}

static void others_free(void *arg, int result)
{
	struct others *others = arg;

	g_strfreev(others->names);
	g_free(others);
}

/* Failing costs nothing but room; ignoring that. */
static void forget_others(struct deliver *d, const struct config_channel *channels, size_t n)
{
	struct others *others;

	if (!d->store)
		return;
	others = g_new0(struct others, 1);
	others->names = g_new0(char *, n + 1);
	others->n = n;
	for (size_t i = 0; i < n; i++)
		others->names[i] = g_strdup(channels[i].name);
	if (store_submit(d->store, forget_job, others_free, others))
		others_free(others, 0);
}

static struct courier *courier_named(const GPtrArray *couriers, const char *name)
{
	for (guint i = 0; i < couriers->len; i++) {
		struct courier *c = g_ptr_array_index(couriers, i);

		if (strcmp(c->channel->name, name) == 0)
			return c;
	}
	return NULL;
}

static void stop_all(GPtrArray *couriers)
{
	for (guint i = 0; i < couriers->len; i++)
		courier_ask_stop(g_ptr_array_index(couriers, i));
	for (guint i = 0; i < couriers->len; i++)
		courier_free(g_ptr_array_index(couriers, i));
	g_ptr_array_set_size(couriers, 0);
}

int deliver_reload(struct deliver *d, const struct config_channel *channels, size_t n)
{
	g_autoptr(GPtrArray) old = d->couriers, begun = g_ptr_array_new();
	GPtrArray *next = g_ptr_array_new();
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		struct courier *c = courier_named(old, channels[i].name);

		if (c && option_same(channel_options, c->channel, &channels[i])) {
			g_ptr_array_remove(old, c);
		} else {
			c = courier_new(&channels[i], d->node, d->link, d->ledgers,
					d->retry_first_ms);
			g_ptr_array_add(begun, c);
		}
		g_ptr_array_add(next, c);
	}
	g_mutex_lock(&d->lock);
	d->couriers = next;
	g_mutex_unlock(&d->lock);
	/* Of one queue there is one courier at a time. */
	stop_all(old);
	for (guint i = 0; i < begun->len; i++) {
		int err = courier_start(g_ptr_array_index(begun, i));

		if (err)
			r = err;
	}
	forget_others(d, channels, n);
	return r;
}

int deliver_new(const struct deliver_options *options, struct deliver **ret_deliver)
{
	struct deliver *d = g_new0(struct deliver, 1);
	int r;

	ledger_init(&d->ledgers[LEDGER_STORE], options->store);
	ledger_init(&d->ledgers[LEDGER_MEMORY], NULL);
	g_mutex_init(&d->lock);
	d->store = options->store;
	d->node = g_strdup(options->node);
	d->link = g_strdup(options->link);
	d->retry_first_ms = options->retry_first_ms ? options->retry_first_ms : RETRY_FIRST_MS;
	d->couriers = g_ptr_array_new();
	r = deliver_reload(d, options->channels, options->n);
	if (r)
		deliver_free(d);
	else
		*ret_deliver = d;
	return r;
}

void deliver_free(struct deliver *d)
{
	if (!d)
		return;
	stop_all(d->couriers);
	g_ptr_array_unref(d->couriers);
	for (unsigned i = 0; i < LEDGERS; i++)
		ledger_clear(&d->ledgers[i]);
	g_mutex_clear(&d->lock);
	g_free(d->node);
	g_free(d->link);
	g_free(d);
}

void deliver_poke(struct deliver *d)
{
	if (!d)
		return;
	g_mutex_lock(&d->lock);
	for (guint i = 0; i < d->couriers->len; i++)
		courier_poke(g_ptr_array_index(d->couriers, i));
	g_mutex_unlock(&d->lock);
}

struct offer {
	const struct config_channel *channel;
	const struct notification *n;
};

static int offer_job(sqlite3 *db, void *arg)
{
	struct offer *offer = arg;
	const struct queue_limits limits = {offer->channel->max_waiting,
					    (gint64)offer->channel->max_age_s * 1000};
	int r = queue_configure(db, offer->channel->name, &limits);

	return r ? r : queue_insert(db, offer->channel->name, offer->n);
}

int deliver_offer(struct deliver *d, const char *channel, const struct notification *n)
{
	struct courier *c;
	int r = -ENOENT;

	if (!d)
		return r;
	g_mutex_lock(&d->lock);
	c = courier_named(d->couriers, channel);
	if (c) {
		struct offer offer = {c->channel, n};

		r = ledger_run(&d->ledgers[LEDGER_MEMORY], offer_job, &offer, NULL);
		courier_poke(c);
	}
	g_mutex_unlock(&d->lock);
	return r;
}

/* With d's lock held. */
static void read_state(struct courier *c, struct deliver_state *ret_state)
{
	g_mutex_lock(&c->lock);
	*ret_state = c->state;
	g_mutex_unlock(&c->lock);
}

bool deliver_get_state(struct deliver *d, size_t i, struct deliver_state *ret_state)
{
	bool there;

	if (!d)
		return false;
	g_mutex_lock(&d->lock);
	there = i < d->couriers->len;
	if (there)
		read_state(g_ptr_array_index(d->couriers, i), ret_state);
	g_mutex_unlock(&d->lock);
	return there;
}

bool deliver_get_named(struct deliver *d, const char *name, struct deliver_state *ret_state)
{
	struct courier *c;

	if (!d)
		return false;
	g_mutex_lock(&d->lock);
	c = courier_named(d->couriers, name);
	if (c)
		read_state(c, ret_state);
	g_mutex_unlock(&d->lock);
	ret_state->channel = NULL;
	return c;
}

static uint64_t known(const struct deliver_state *state, guint64 value)
{
	return state->known ? value : ABSENT;
}

static double age_s(const struct deliver_state *state, gint64 now_ms)
{
	return state->queue.oldest_ms ? (double)MAX(now_ms - state->queue.oldest_ms, 0) / 1e3 : NAN;
}

void deliver_fill(void *arg, struct kvmlens_snapshot *snapshot)
{
	struct deliver *d = arg;

	g_mutex_lock(&d->lock);
	entities_alloc(&snapshot->notifies, d->couriers->len, sizeof(struct snap_notify));
	for (guint i = 0; i < d->couriers->len; i++) {
		struct snap_notify *out = entities_at(&snapshot->notifies, i);
		struct courier *c = g_ptr_array_index(d->couriers, i);
		struct deliver_state state;

		read_state(c, &state);
		*out = (struct snap_notify){
			.labels = labels_ref(c->labels),
			.up = state.tried ? state.up : ABSENT,
			.failures = state.failures,
			.waiting = known(&state, state.queue.waiting),
			.messages = known(&state, state.queue.messages),
			.alerts = known(&state, state.queue.alerts),
			.dropped = known(&state, state.queue.dropped),
			.refused = known(&state, state.queue.refused),
			.oldest_age = age_s(&state, snapshot->wall_ms),
		};
	}
	g_mutex_unlock(&d->lock);
}

int channel_send_test(const struct config_channel *channel, const char *node, const char *link,
		      char **ret_why)
{
	int64_t now_ms = g_get_real_time() / 1000;
	g_autofree char *key = g_strdup_printf("test-%" G_GINT64_FORMAT, now_ms);
	const struct notification n = {
		.key = key,
		.alert_id = "test",
		.rule_id = "test",
		.rule_name = "kvmlens test",
		.severity = ALERT_INFO,
		.status = ALERT_RESOLVED, /* so that nothing is left firing anywhere */
		.starts_ms = now_ms - 1000,
		.ends_ms = now_ms,
		.at_ms = now_ms,
		.metric = "kvmlens.uptime_seconds",
		.value = NAN,
		.threshold = NAN,
		.summary = "this is a test of a channel: nothing is wrong",
		.description = "",
		.group_key = "test",
	};
	const struct notification *alerts[] = {&n};
	const struct message message = {key, node, link, alerts, 1, now_ms};
	struct sender sender;
	enum outcome outcome;
	gint64 retry_ms;

	sender_init(&sender);
	outcome = attempt(channel, &sender, &message, &retry_ms, ret_why);
	sender_clear(&sender);
	return outcome == OUTCOME_SENT ? 0 : -EIO;
}
