// SPDX-License-Identifier: Apache-2.0
#include "alert/keeper.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include "alert/engine.h"
#include "alert/ledger.h"
#include "alert/route.h"
#include "alert/state.h"
#include "alert/text.h"
#include "alert/view.h"

struct keeper {
	GMutex lock; /* everything but view and what the store's thread holds */
	struct alert_engine *engine;
	struct alert_rules *rules; /* the engine's, from the next step on */
	bool rules_changed;
	struct routes *routes;
	GPtrArray *windows; /* silences of the configuration */
	struct silences *silences; /* of the store */
	GPtrArray *waiting; /* struct alert_event *, in order */
	GPtrArray *flying; /* what a job that is with the store writes; NULL: there is none */
	int64_t flying_since_us;
	bool flying_detoured; /* its news went by memory meanwhile */
	struct store *store; /* NULL: in memory alone */
	struct deliver *deliver; /* NULL: nobody is told */
	char *path;
	sqlite3 *reader; /* of the thread that feeds */
	guint64 set_aside; /* files damaged or replaced, as of the last check */
	int64_t now_ms, saved_ms;
	uint64_t lost, cpu_ns;
	struct alert_view *view; /* counted; swapped under view_lock */
	GMutex view_lock;
};

/* One transaction's worth. */
struct job {
	struct keeper *keeper;
	GPtrArray *events;
	int64_t now_ms;
};

static GPtrArray *events_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)alert_event_free);
}

struct keeper *keeper_new(const struct config *config)
{
	struct keeper *keeper = g_new0(struct keeper, 1);

	g_mutex_init(&keeper->lock);
	g_mutex_init(&keeper->view_lock);
	keeper->rules = alert_rules_new(config->rule_set, config->node_id);
	keeper->engine = alert_engine_new(keeper->rules);
	keeper->routes = routes_new(config);
	keeper->windows = silence_windows_new(config);
	keeper->waiting = events_new();
	return keeper;
}

void keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return;
	alert_engine_free(keeper->engine);
	alert_rules_unref(keeper->rules);
	silences_free(keeper->silences);
	alert_view_unref(keeper->view);
	g_ptr_array_unref(keeper->waiting);
	g_clear_pointer(&keeper->flying, g_ptr_array_unref);
	routes_free(keeper->routes);
	g_ptr_array_unref(keeper->windows);
	store_db_close(keeper->reader);
	g_mutex_clear(&keeper->lock);
	g_mutex_clear(&keeper->view_lock);
	g_free(keeper->path);
	g_free(keeper);
}

/* The end of an alert whose rule was taken away while nothing ran. */
static struct alert_event *ended_event(const struct kept_alert *kept, int64_t now_ms)
{
	struct alert_event *event = g_new0(struct alert_event, 1);
	const struct metric *metric = metric_find(kept->metric);
	struct notification *n = &event->notification;

	event->change = kept->record.state == STATE_PENDING ? CHANGE_DROPPED : CHANGE_RESOLVED;
	event->record = kept->record;
	event->record.rule_id = g_strdup(kept->record.rule_id);
	event->record.labels = labels_ref(kept->record.labels);
	event->reason = "rule removed";
	event->quiet = "";
	event->notify = kept->record.sent_ms != 0;
	*n = (struct notification){
		.key = g_strdup_printf("%016" G_GINT64_MODIFIER "x-%" G_GINT64_FORMAT
				       "-resolved-%u",
				       kept->record.id, kept->record.fired_ms, kept->record.n),
		.alert_id = g_strdup_printf("%016" G_GINT64_MODIFIER "x", kept->record.id),
		.rule_id = event->record.rule_id,
		.rule_name = g_strdup(kept->rule_name),
		.severity = kept->severity,
		.status = ALERT_RESOLVED,
		.starts_ms = kept->record.fired_ms,
		.ends_ms = now_ms,
		.at_ms = now_ms,
		.labels = event->record.labels->kv,
		.n_labels = event->record.labels->n,
		.metric = metric ? metric->name : "",
		.value = kept->record.value,
		.threshold = kept->threshold,
		.summary =
			alert_summary_ended(kept->rule_name, &kept->record, now_ms, "rule removed"),
		.description = g_strdup(""),
		.group_key = event->record.rule_id,
	};
	return event;
}

/* To whom it goes, by the channels that there are now. */
static struct alert_event *route(struct keeper *keeper, struct alert_event *event)
{
	char **named = event->channels;

	event->channels = routes_find(keeper->routes, named, &event->notification);
	g_strfreev(named);
	return event;
}

struct taking {
	struct keeper *keeper;
	int64_t last_ms, now_ms;
	int n;
};

static int take_up(void *arg, const struct kept_alert *kept)
{
	struct taking *taking = arg;
	struct alert_record record = kept->record;

	/* It was looked at until the state was last written. */
	record.seen_ms = MAX(record.seen_ms, taking->last_ms);
	if (alert_engine_restore(taking->keeper->engine, &record) == 0)
		taking->n++;
	else
		g_ptr_array_add(taking->keeper->waiting,
				route(taking->keeper, ended_event(kept, taking->now_ms)));
	return 0;
}

int keeper_start(struct keeper *keeper, struct store *store, const char *path)
{
	struct taking taking = {.keeper = keeper, .now_ms = g_get_real_time() / 1000};
	sqlite3 *db = NULL;
	int r;

	keeper->store = store;
	keeper->path = g_strdup(path);
	r = store_db_open_reader(path, &db);
	if (r == -ENOENT)
		return 0;
	if (r)
		return r;
	/* A file of before there were alerts has no such table yet. */
	if (store_db_number(db, "SELECT count(*) FROM sqlite_master WHERE name = 'alert'", 0)) {
		taking.last_ms = state_last_ms(db);
		r = state_each_alert(db, take_up, &taking);
	}
	store_db_close(db);
	return r ? r : taking.n;
}

void keeper_reload(struct keeper *keeper, const struct config *config)
{
	struct alert_rules *rules = alert_rules_new(config->rule_set, config->node_id);

	g_mutex_lock(&keeper->lock);
	alert_rules_unref(keeper->rules);
	keeper->rules = rules;
	keeper->rules_changed = true;
	routes_free(keeper->routes);
	keeper->routes = routes_new(config);
	g_ptr_array_unref(keeper->windows);
	keeper->windows = silence_windows_new(config);
	g_mutex_unlock(&keeper->lock);
}

static int write_job(sqlite3 *db, void *arg)
{
	const struct job *job = arg;

	return state_write(db, job->events, job->now_ms);
}

/* The oldest go, counted, when the store has failed for long. */
static void bound_waiting(struct keeper *keeper)
{
	guint over;

	if (keeper->waiting->len <= KEEPER_EVENTS_MAX)
		return;
	over = keeper->waiting->len - KEEPER_EVENTS_MAX;
	g_ptr_array_remove_range(keeper->waiting, 0, over);
	keeper->lost += over;
}

/* Queue in memory what is to be told, past the store. True: all of it is queued. */
static bool offer(struct keeper *keeper, const struct alert_event *event)
{
	char **channel = event->channels;
	bool taken = true;

	for (; channel && *channel; channel++)
		taken &= deliver_offer(keeper->deliver, *channel, &event->notification) == 0;
	return taken;
}

static void detour(struct keeper *keeper, GPtrArray *events)
{
	for (guint i = 0; keeper->deliver && i < events->len; i++) {
		struct alert_event *event = g_ptr_array_index(events, i);

		if (!event->notify)
			continue;
		offer(keeper, event); /* a channel that is no more has no queue anywhere */
		event->notify = false;
		event->detoured = true;
	}
}

/*
 * The store hangs: what it was given is told past it. Should it be written after all, it is told
 * twice, under the same key.
 */
static void detour_hung(struct keeper *keeper)
{
	if (!keeper->flying || !keeper->deliver ||
	    g_get_monotonic_time() - keeper->flying_since_us < LEDGER_WAIT_US)
		return;
	for (guint i = 0; !keeper->flying_detoured && i < keeper->flying->len; i++) {
		const struct alert_event *event = g_ptr_array_index(keeper->flying, i);

		if (event->notify)
			offer(keeper, event);
	}
	keeper->flying_detoured = true;
	detour(keeper, keeper->waiting);
}

static void mark_detoured(GPtrArray *events)
{
	for (guint i = 0; i < events->len; i++) {
		struct alert_event *event = g_ptr_array_index(events, i);

		event->detoured |= event->notify;
		event->notify = false;
	}
}

/* What could not be written is put back in front of what came since. */
static void put_back(struct keeper *keeper, GPtrArray *events)
{
	GPtrArray *later = keeper->waiting;

	keeper->waiting = g_ptr_array_ref(events);
	g_ptr_array_extend_and_steal(keeper->waiting, later);
	bound_waiting(keeper);
}

static void job_done(void *arg, int result)
{
	struct job *job = arg;
	struct keeper *keeper = job->keeper;

	g_mutex_lock(&keeper->lock);
	if (result) {
		if (keeper->flying_detoured)
			mark_detoured(job->events);
		put_back(keeper, job->events);
		detour(keeper, keeper->waiting);
	} else {
		deliver_poke(keeper->deliver);
	}
	g_clear_pointer(&keeper->flying, g_ptr_array_unref);
	g_mutex_unlock(&keeper->lock);
	g_ptr_array_unref(job->events);
	g_free(job);
}

#define SAVE_MS 60000 /* how well a restart knows how long nothing ran */

/* With the lock held. A job that the full queue refuses is tried again at the next snapshot. */
static void submit(struct keeper *keeper)
{
	struct job *job;

	if (!keeper->store || keeper->flying ||
	    (!keeper->waiting->len && keeper->now_ms - keeper->saved_ms < SAVE_MS))
		return;
	job = g_new0(struct job, 1);
	job->keeper = keeper;
	job->events = keeper->waiting;
	job->now_ms = keeper->now_ms;
	if (store_submit(keeper->store, write_job, job_done, job)) {
		detour(keeper, keeper->waiting);
		g_free(job);
		return;
	}
	keeper->flying = g_ptr_array_ref(keeper->waiting);
	keeper->flying_since_us = g_get_monotonic_time();
	keeper->flying_detoured = false;
	keeper->waiting = events_new();
	keeper->saved_ms = keeper->now_ms;
}

void keeper_flush(struct keeper *keeper)
{
	g_mutex_lock(&keeper->lock);
	keeper->saved_ms = 0;
	submit(keeper);
	g_mutex_unlock(&keeper->lock);
	if (keeper->store)
		store_flush(keeper->store);
	/* The writer's connection is to be the last, so that it can tidy up the file. */
	g_clear_pointer(&keeper->reader, store_db_close);
}

void keeper_set_deliver(struct keeper *keeper, struct deliver *deliver)
{
	g_mutex_lock(&keeper->lock);
	keeper->deliver = deliver;
	g_mutex_unlock(&keeper->lock);
}

/* Without a store: past it. */
static void offer_all(struct keeper *keeper, const GPtrArray *events)
{
	for (guint i = 0; keeper->deliver && i < events->len; i++) {
		const struct alert_event *event = g_ptr_array_index(events, i);

		if (event->notify && !offer(keeper, event))
			keeper->lost++;
	}
}

/* The silences of the file; a file that cannot be read leaves those that are known. */
static void read_silences(struct keeper *keeper)
{
	struct silences *silences = NULL;

	if (!keeper->path)
		return;
	if (!keeper->reader && store_db_open_reader(keeper->path, &keeper->reader))
		return;
	if (state_silences(keeper->reader, g_get_real_time() / 1000, &silences)) {
		g_clear_pointer(&keeper->reader, store_db_close);
		silences_free(silences);
		return;
	}
	silences_free(keeper->silences);
	keeper->silences = silences;
}

/* The file is another one, or an empty one: all that is active is to be written again. */
static void check_file(struct keeper *keeper)
{
	struct store_stats stats;

	if (!keeper->store)
		return;
	store_stats(keeper->store, &stats);
	if (stats.set_aside + stats.replaced == keeper->set_aside)
		return;
	keeper->set_aside = stats.set_aside + stats.replaced;
	g_clear_pointer(&keeper->reader, store_db_close);
	alert_engine_rewrite(keeper->engine);
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void publish(struct keeper *keeper)
{
	struct alert_view *view = alert_view_new(keeper->engine), *old;

	view->lost = keeper->lost;
	view->cpu_ns = keeper->cpu_ns;
	g_mutex_lock(&keeper->view_lock);
	old = keeper->view;
	keeper->view = view;
	g_mutex_unlock(&keeper->view_lock);
	alert_view_unref(old);
}

void keeper_feed(void *arg, const struct kvmlens_snapshot *snapshot)
{
	g_autoptr(GPtrArray) events = events_new();
	uint64_t began = thread_cpu_ns();
	struct keeper *keeper = arg;
	struct silences *silences;

	check_file(keeper);
	read_silences(keeper);
	g_mutex_lock(&keeper->lock);
	if (keeper->rules_changed)
		alert_engine_set_rules(keeper->engine, keeper->rules);
	keeper->rules_changed = false;
	silences = silences_combine(keeper->silences, keeper->windows, snapshot->wall_ms);
	alert_engine_step(keeper->engine, snapshot, silences, events);
	silences_free(silences);
	for (guint i = 0; i < events->len; i++)
		route(keeper, g_ptr_array_index(events, i));
	keeper->now_ms = snapshot->wall_ms;
	if (keeper->store)
		g_ptr_array_extend_and_steal(keeper->waiting, g_steal_pointer(&events));
	else
		offer_all(keeper, events);
	bound_waiting(keeper);
	detour_hung(keeper);
	submit(keeper);
	keeper->cpu_ns += thread_cpu_ns() - began;
	publish(keeper);
	g_mutex_unlock(&keeper->lock);
}

static struct alert_view *current_view(struct keeper *keeper)
{
	struct alert_view *view;

	g_mutex_lock(&keeper->view_lock);
	view = keeper->view ? alert_view_ref(keeper->view) : NULL;
	g_mutex_unlock(&keeper->view_lock);
	return view;
}

void keeper_fill(void *arg, struct kvmlens_snapshot *snapshot)
{
	struct alert_view *view = current_view(arg);

	if (view)
		alert_view_fill(view, snapshot);
	alert_view_unref(view);
}

void keeper_render(void *arg, const struct kvmlens_snapshot *snapshot, struct textbuf *out)
{
	struct alert_view *view = current_view(arg);

	alert_view_render(view, out);
	alert_view_unref(view);
}
