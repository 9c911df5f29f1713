// SPDX-License-Identifier: Apache-2.0
#include "delivery.h"

/* What was last logged of a channel. */
struct said {
	bool failing;
	guint64 lost;
};

struct delivery {
	const struct config *config;
	struct log *log;
	struct deliver *deliver; /* NULL: not started, or no channels */
	struct said *said; /* of each channel, of the sink's thread */
};

/* Once when a channel begins to fail, once when it works again, and when something is lost. */
static void report_channel(struct delivery *d, const struct deliver_state *s, struct said *said)
{
	guint64 lost = s->queue.dropped + s->queue.refused;

	if (s->tried && !s->up && !said->failing)
		log_line(d->log, LOG_LEVEL_WARNING, "alert",
			 "channel %s: %s; it is tried again, and alerts wait meanwhile", s->channel,
			 s->error);
	else if (s->up && said->failing)
		log_line(d->log, LOG_LEVEL_INFO, "alert", "channel %s works again", s->channel);
	said->failing = s->tried && !s->up;
	if (lost > said->lost)
		log_line(d->log, LOG_LEVEL_WARNING, "alert",
			 "channel %s: %" G_GUINT64_FORMAT " alerts dropped and %" G_GUINT64_FORMAT
			 " refused by the endpoint so far",
			 s->channel, s->queue.dropped, s->queue.refused);
	said->lost = lost;
}

static void report_sink(void *arg, const struct kvmlens_snapshot *snapshot)
{
	struct delivery *d = arg;
	struct deliver_state state;

	for (size_t i = 0; deliver_get_state(d->deliver, i, &state); i++)
		report_channel(d, &state, &d->said[i]);
}

static void fill(void *arg, struct kvmlens_snapshot *snapshot)
{
	struct delivery *d = arg;

	if (d->deliver)
		deliver_fill(d->deliver, snapshot);
}

int delivery_open(const struct config *config, struct log *log, struct kvmlens_collector *collector,
		  struct delivery **ret_delivery)
{
	struct delivery *d = g_new0(struct delivery, 1);
	int r;

	d->config = config;
	d->log = log;
	d->said = g_new0(struct said, config->n_channels);
	*ret_delivery = d; /* the collector may hold it already: closed by the caller in any case */
	if (!config->n_channels)
		return 0;
	r = kvmlens_collector_add_sink(collector, report_sink, d);
	return r ? r : collector_add_filler(collector, fill, d);
}

int delivery_start(struct delivery *d, struct store *store)
{
	const struct deliver_options options = {
		.channels = d->config->channels,
		.n = d->config->n_channels,
		.node = d->config->node_id,
		.store = store,
	};

	return options.n ? deliver_new(&options, &d->deliver) : 0;
}

struct deliver *delivery_deliver(const struct delivery *delivery)
{
	return delivery->deliver;
}

void delivery_close(struct delivery *delivery)
{
	if (!delivery)
		return;
	deliver_free(delivery->deliver);
	g_free(delivery->said);
	g_free(delivery);
}
