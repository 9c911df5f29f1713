// SPDX-License-Identifier: Apache-2.0
#include "delivery.h"

#include "alert/channel.h"
#include "metric/model.h"

/* What was last logged of a channel. */
struct said {
	bool failing;
	guint64 lost;
};

struct delivery {
	const struct config *config;
	struct log *log;
	struct deliver *deliver; /* NULL: not started, or no channels */
	GHashTable *said; /* struct said by channel, of the sink's thread */
};

/* Once when a channel begins to fail, once when it works again, and when something is lost. */
static void report_channel(struct delivery *d, const char *name, const struct deliver_state *s,
			   struct said *said)
{
	guint64 lost = s->queue.dropped + s->queue.refused;

	if (s->tried && !s->up && !said->failing)
		log_line(d->log, LOG_LEVEL_WARNING, "alert",
			 "channel %s: %s; it is tried again, and alerts wait meanwhile", name,
			 s->error);
	else if (s->up && said->failing)
		log_line(d->log, LOG_LEVEL_INFO, "alert", "channel %s works again", name);
	said->failing = s->tried && !s->up;
	if (lost > said->lost)
		log_line(d->log, LOG_LEVEL_WARNING, "alert",
			 "channel %s: %" G_GUINT64_FORMAT " alerts dropped and %" G_GUINT64_FORMAT
			 " refused by the endpoint so far",
			 name, s->queue.dropped, s->queue.refused);
	said->lost = lost;
}

static void report_sink(void *arg, const struct kvmlens_snapshot *snapshot)
{
	struct delivery *d = arg;

	for (size_t i = 0; i < snapshot->notifies.n; i++) {
		const struct snap_notify *notify = entities_at(&snapshot->notifies, i);
		const char *name = labels_get(notify->labels, "channel");
		struct said *said = g_hash_table_lookup(d->said, name);
		struct deliver_state state;

		if (!said) {
			said = g_new0(struct said, 1);
			g_hash_table_insert(d->said, g_strdup(name), said);
		}
		if (deliver_get_named(d->deliver, name, &state))
			report_channel(d, name, &state, said);
	}
}

static void fill(void *arg, struct kvmlens_snapshot *snapshot)
{
	struct delivery *d = arg;

	if (d->deliver)
		deliver_fill(d->deliver, snapshot);
}

static void log_lines(struct delivery *d, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++)
		if (**line)
			log_line(d->log, LOG_LEVEL_WARNING, "config", "%s", *line);
}

/* What loads, and will not do what it was written for. */
static void report_doubts(struct delivery *d, const struct config *config)
{
	g_autoptr(GString) mistakes = g_string_new(NULL), warnings = g_string_new(NULL);

	if (config->rule_set)
		log_lines(d, config->rule_set->warnings->str);
	secrets_check(config, mistakes, warnings);
	log_lines(d, mistakes->str);
	log_lines(d, warnings->str);
}

int delivery_open(const struct config *config, struct log *log, struct kvmlens_collector *collector,
		  struct delivery **ret_delivery)
{
	struct delivery *d = g_new0(struct delivery, 1);
	int r;

	d->config = config;
	d->log = log;
	d->said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	*ret_delivery = d; /* the collector may hold it already: closed by the caller in any case */
	report_doubts(d, config);
	r = kvmlens_collector_add_sink(collector, report_sink, d);
	return r ? r : collector_add_filler(collector, fill, d);
}

int delivery_start(struct delivery *d, struct store *store)
{
	g_autofree char *link = config_link(d->config);
	const struct deliver_options options = {
		.channels = d->config->channels,
		.n = d->config->n_channels,
		.node = d->config->node_id,
		.link = link,
		.store = store,
	};

	return deliver_new(&options, &d->deliver);
}

void delivery_reload(struct delivery *d, const struct config *config)
{
	report_doubts(d, config);
	if (d->deliver && deliver_reload(d->deliver, config->channels, config->n_channels))
		log_line(d->log, LOG_LEVEL_WARNING, "alert",
			 "a channel has no thread; reload again");
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
	g_hash_table_unref(delivery->said);
	g_free(delivery);
}
