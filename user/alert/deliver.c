// SPDX-License-Identifier: Apache-2.0
#include "alert/deliver.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "alert/attempt.h"
#include "alert/courier.h"
#include "metric/model.h"

#define RETRY_FIRST_MS 1000

struct deliver {
	struct ledger ledgers[LEDGERS];
	struct courier *couriers;
	size_t n;
};

/* What channels left that are configured no more. */
struct others {
	const char **names;
	size_t n;
};

static int forget_job(sqlite3 *db, void *arg)
{
	struct others *others = arg;

	return queue_forget_others(db, others->names, others->n, g_get_real_time() / 1000);
}

static void others_free(void *arg, int result)
{
	struct others *others = arg;

	g_free(others->names);
	g_free(others);
}

/* Failing costs nothing but room; ignoring that. */
static void forget_others(const struct deliver_options *options)
{
	struct others *others = g_new0(struct others, 1);

	others->names = g_new(const char *, options->n + 1);
	others->n = options->n;
	for (size_t i = 0; i < options->n; i++)
		others->names[i] = options->channels[i].name;
	if (store_submit(options->store, forget_job, others_free, others))
		others_free(others, 0);
}

static void init(struct deliver *d, const struct deliver_options *options)
{
	ledger_init(&d->ledgers[LEDGER_STORE], options->store);
	ledger_init(&d->ledgers[LEDGER_MEMORY], NULL);
	d->couriers = g_new0(struct courier, options->n);
	for (size_t i = 0; i < options->n; i++) {
		d->couriers[i].channel = &options->channels[i];
		d->couriers[i].node = options->node;
		d->couriers[i].ledgers = d->ledgers;
		d->couriers[i].retry_first_ms =
			options->retry_first_ms ? options->retry_first_ms : RETRY_FIRST_MS;
	}
}

int deliver_new(const struct deliver_options *options, struct deliver **ret_deliver)
{
	struct deliver *d = g_new0(struct deliver, 1);
	int r = 0;

	init(d, options);
	if (options->store)
		forget_others(options);
	for (; d->n < options->n && !r; d->n++)
		r = courier_start(&d->couriers[d->n]);
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
	for (size_t i = 0; i < d->n; i++)
		courier_ask_stop(&d->couriers[i]);
	for (size_t i = 0; i < d->n; i++)
		courier_stop(&d->couriers[i]);
	for (unsigned i = 0; i < LEDGERS; i++)
		ledger_clear(&d->ledgers[i]);
	g_free(d->couriers);
	g_free(d);
}

void deliver_poke(struct deliver *d)
{
	for (size_t i = 0; d && i < d->n; i++)
		courier_poke(&d->couriers[i]);
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
	for (size_t i = 0; d && i < d->n; i++) {
		struct courier *c = &d->couriers[i];
		struct offer offer = {c->channel, n};
		int r;

		if (strcmp(c->channel->name, channel))
			continue;
		r = ledger_run(&d->ledgers[LEDGER_MEMORY], offer_job, &offer, NULL);
		courier_poke(c);
		return r;
	}
	return -ENOENT;
}

bool deliver_get_state(struct deliver *d, size_t i, struct deliver_state *ret_state)
{
	if (!d || i >= d->n)
		return false;
	g_mutex_lock(&d->couriers[i].lock);
	*ret_state = d->couriers[i].state;
	g_mutex_unlock(&d->couriers[i].lock);
	return true;
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

	entities_alloc(&snapshot->notifies, d->n, sizeof(struct snap_notify));
	for (size_t i = 0; i < d->n; i++) {
		struct snap_notify *out = entities_at(&snapshot->notifies, i);
		struct deliver_state state;

		deliver_get_state(d, i, &state);
		*out = (struct snap_notify){
			.labels = labels_ref(d->couriers[i].labels),
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
}

int channel_send_test(const struct config_channel *channel, const char *node, char **ret_why)
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
	const struct message message = {key, node, alerts, 1, now_ms};
	struct sender sender;
	enum outcome outcome;
	gint64 retry_ms;

	sender_init(&sender);
	outcome = attempt(channel, &sender, &message, &retry_ms, ret_why);
	sender_clear(&sender);
	return outcome == OUTCOME_SENT ? 0 : -EIO;
}
