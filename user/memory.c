// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

#include <errno.h>
#include <string.h>
#include "alert/keeper.h"
#include "alert/queue.h"
#include "alert/state.h"
#include "analytics/keep.h"
#include "store/answer.h"
#include "store/fill.h"
#include "store/store.h"
#include "util/text.h"

#define STOP_MS 2000 /* for a locked or slow store, when the agent stops */

struct memory {
	const struct config *config;
	struct log *log;
	struct store *store; /* NULL: switched off */
	struct engine *engine;
	struct keeper *keeper; /* NULL: alerts are off */
	gint64 saved_s; /* of the engine's thread, as are the next two */
	struct store_stats reported; /* what the log knows of the store */
	bool failing;
	gint64 last_s; /* of the last snapshot */
};

static const char *error_text(int error)
{
	return error == -EMEDIUMTYPE ? "it is no regular file" : g_strerror(-error);
}

/* What left because the file is too large. */
static void report_dropped(struct memory *m, const struct store_stats *stats)
{
	const struct store_stats *before = &m->reported;
	g_autofree char *limit = NULL;

	if (stats->others && !before->others)
		log_line(m->log, LOG_LEVEL_WARNING, "store",
			 "the file is larger than history.max_size, but not by history: nothing is "
			 "dropped for that");
	if (stats->gone_vms == before->gone_vms && stats->squeezed == before->squeezed)
		return;
	limit = g_format_size_full(m->config->history.max_size, G_FORMAT_SIZE_IEC_UNITS);
	log_line(m->log, stats->squeezed == before->squeezed ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		 "store", "the file has reached its limit of %s: %s", limit, stats->dropped);
}

/* Report once when the store begins to fail, once when it works again, and each loss. */
static void report(struct memory *m)
{
	struct store_stats stats;

	store_stats(m->store, &stats);
	if (stats.set_aside != m->reported.set_aside || stats.replaced != m->reported.replaced)
		log_line(m->log, LOG_LEVEL_WARNING, "store", "%s", stats.note);
	report_dropped(m, &stats);
	if (!stats.open && stats.failures != m->reported.failures && !m->failing) {
		g_autofree char *path = text_path(m->config->store);

		m->failing = true;
		log_line(m->log, LOG_LEVEL_WARNING, "store",
			 "%s: %s; history is lost until that is over", path,
			 error_text(stats.error));
	} else if (stats.open && m->failing) {
		m->failing = false;
		log_line(m->log, LOG_LEVEL_INFO, "store",
			 "written again; %" G_GUINT64_FORMAT " snapshots were lost so far",
			 stats.ticks_dropped);
	}
	m->reported = stats;
}

static void store_sink(void *arg, const struct kvmlens_snapshot *snapshot)
{
	struct memory *m = arg;

	if (m->store)
		store_offer(m->store, snapshot); /* a refusal is counted there */
}

/* On its own thread: a look at the trends may take longer than a tick. */
static void engine_sink(void *arg, const struct kvmlens_snapshot *snapshot)
{
	struct memory *m = arg;
	gint64 now_s = kvmlens_snapshot_time(snapshot) / 1000;

	engine_feed(m->engine, snapshot);
	m->last_s = now_s;
	if (!m->store)
		return;
	report(m);
	if (!m->saved_s)
		m->saved_s = now_s;
	if (now_s - m->saved_s < KEEP_S)
		return;
	m->saved_s = now_s;
	keep_save(m->engine, m->store, now_s); /* a refusal is counted by the store */
}

static void make_folder(const char *path)
{
	g_autofree char *folder = g_path_get_dirname(path);

	g_mkdir_with_parents(folder, 0700); /* a failure shows when the file is opened */
}

static void say_unkept(const struct memory *m)
{
	if (m->keeper)
		log_line(m->log, LOG_LEVEL_WARNING, "alert",
			 "there is no store: alerts live in memory, and a restart forgets them and "
			 "what waits to be told; set store to a file");
}

static int start_alerts(struct memory *m)
{
	int n;

	if (!m->keeper)
		return 0;
	n = keeper_start(m->keeper, m->store, m->config->store);
	if (n > 0)
		log_line(m->log, LOG_LEVEL_INFO, "alert", "goes on with %d alerts", n);
	else if (n < 0)
		log_line(m->log, LOG_LEVEL_WARNING, "alert", "what fired before cannot be read: %s",
			 g_strerror(-n));
	return 0;
}

int memory_start(struct memory *m)
{
	static const struct store_component *const components[] = {
		&keep_component, &queue_component, &alert_component};
	const struct config *config = m->config;
	const struct store_config options = {
		.path = config->store,
		.retention = {config->history.raw_s, config->history.rollups_s,
			      config->history.max_size},
		.components = components,
		.n_components = G_N_ELEMENTS(components),
	};
	int n;

	if (strcmp(config->store, "none") == 0) {
		say_unkept(m);
		return 0;
	}
	make_folder(config->store);
	n = keep_load(m->engine, config->store, g_get_real_time() / G_USEC_PER_SEC);
	if (n > 0)
		log_line(m->log, LOG_LEVEL_INFO, "analytics",
			 "goes on with what it knew of %d series", n);
	n = store_new(&options, &m->store);
	return n ? n : start_alerts(m);
}

struct store *memory_store(const struct memory *memory)
{
	return memory->store;
}

static void fill(void *arg, struct kvmlens_snapshot *snapshot)
{
	struct memory *m = arg;

	if (m->store)
		store_fill(m->store, snapshot);
}

static int open_alerts(struct memory *m, struct kvmlens_collector *collector)
{
	int r;

	m->keeper = keeper_new(m->config);
	r = kvmlens_collector_add_sink(collector, keeper_feed, m->keeper);
	return r ? r : collector_add_filler(collector, keeper_fill, m->keeper);
}

struct keeper *memory_keeper(struct memory *memory)
{
	return memory->keeper;
}

void memory_set_deliver(struct memory *memory, struct deliver *deliver)
{
	if (!memory || !memory->keeper)
		return;
	if (!deliver) {
		store_hurry(memory->store, STOP_MS);
		keeper_flush(memory->keeper);
	}
	keeper_set_deliver(memory->keeper, deliver);
}

void memory_reload(struct memory *memory, const struct config *config)
{
	if (memory->keeper)
		keeper_reload(memory->keeper, config);
}

int memory_open(const struct config *config, struct log *log, struct kvmlens_collector *collector,
		struct memory **ret_memory)
{
	struct memory *m = g_new0(struct memory, 1);
	int r;

	m->config = config;
	m->log = log;
	m->engine = engine_new();
	*ret_memory = m; /* the collector may hold it already: closed by the caller in any case */
	r = kvmlens_collector_add_sink(collector, store_sink, m);
	if (!r)
		r = collector_add_filler(collector, fill, m);
	if (!r)
		r = kvmlens_collector_add_sink(collector, engine_sink, m);
	if (!r)
		r = collector_add_filler(collector, engine_fill, m->engine);
	if (!r && config->alerts.enabled)
		r = open_alerts(m, collector);
	return r;
}

int memory_answer(void *memory, const struct web_query *query, struct textbuf *out)
{
	const struct memory *m = memory;
	const struct answer_request request = {query->vm, query->metric, query->since_ms,
					       query->until_ms, query->step_ms};

	if (strcmp(m->config->store, "none") == 0)
		return -ENOENT;
	return answer_render(m->config->store, &request, out);
}

void memory_close(struct memory *memory)
{
	int r;

	if (!memory)
		return;
	store_hurry(memory->store, STOP_MS);
	if (memory->store && memory->last_s)
		keep_save(memory->engine, memory->store, memory->last_s);
	if (memory->keeper)
		keeper_flush(memory->keeper);
	r = store_free(memory->store);
	if (r)
		log_line(memory->log, LOG_LEVEL_WARNING, "store",
			 "%s: the file system does not answer; what waited is lost",
			 memory->config->store);
	/* What the store's thread may still use stays until the process ends. */
	if (!r)
		keeper_free(memory->keeper);
	engine_free(memory->engine);
	g_free(memory);
}
