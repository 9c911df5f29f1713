// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "core/about.h"
#include "core/collect.h"
#include "core/collector.h"
#include "core/events.h"
#include "core/host.h"
#include "core/rates.h"
#include "core/series_share.h"
#include "core/sink.h"
#include "vm/provider_libvirt.h"

#define WORKERS_MAX 2
#define FILLERS_MAX 8

struct filler {
	collector_fill_fn fill;
	void *arg;
};

struct kvmlens_collector {
	struct collector_options options;
	struct collect collect;
	struct tracker *tracker;
	struct discover *discover;
	struct refusals *refusals;
	struct about *about;
	struct host *host; /* NULL: its thread could not be made */
	struct about_ticks ticks;
	struct worker *workers[WORKERS_MAX];
	struct events *events;
	GPtrArray *sinks; /* struct sink */
	struct filler fillers[FILLERS_MAX];
	unsigned n_fillers;
	GThread *thread;
	GMutex lock; /* guards what follows */
	GCond wake, published;
	struct kvmlens_snapshot *last;
	uint64_t seq;
	unsigned interval_ms;
	bool stop, tick_now, keep_pins, started;
	enum kvmlens_level loaded; /* the level that the kernel side has; the tick's */
};

static void free_sink(gpointer sink)
{
	sink_free(sink);
}

int collector_new(const struct collector_options *options, struct kvmlens_collector **ret_collector)
{
	struct kvmlens_collector *c = g_new0(struct kvmlens_collector, 1);

	c->options = *options;
	c->interval_ms = options->config->interval_ms;
	c->collect.levels = levels_new(options->config);
	c->refusals = refusals_new(&options->config->owner_limits);
	c->collect.refusals = c->refusals;
	c->sinks = g_ptr_array_new_with_free_func(free_sink);
	g_mutex_init(&c->lock);
	g_cond_init(&c->wake);
	g_cond_init(&c->published);
	*ret_collector = c;
	return 0;
}

int kvmlens_collector_add_sink(struct kvmlens_collector *c, kvmlens_sink_fn fn, void *arg)
{
	if (c->started)
		return -EBUSY;
	g_ptr_array_add(c->sinks, sink_new(fn, arg));
	return 0;
}

int collector_add_filler(struct kvmlens_collector *c, collector_fill_fn fill, void *arg)
{
	if (c->started)
		return -EBUSY;
	if (c->n_fillers == FILLERS_MAX)
		return -ENOSPC;
	c->fillers[c->n_fillers++] = (struct filler){fill, arg};
	return 0;
}

static void add_worker(struct kvmlens_collector *c, const struct kvmlens_provider_ops *ops,
		       const char *uri, void *arg)
{
	struct worker_config config = {
		.ops = ops,
		.uri = uri,
		.arg = arg,
		.interval_ms = c->interval_ms,
		.level = levels_highest(c->collect.levels),
	};

	c->workers[c->collect.n_workers++] = worker_new(&config);
}

/* libvirt first: its names win over those that QEMU's command line gives. */
static void add_workers(struct kvmlens_collector *c)
{
	const struct config *config = c->options.config;

	if (c->options.provider) {
		add_worker(c, c->options.provider, c->options.uri, c->options.provider_arg);
		return;
	}
	if (strcmp(config->provider, "proc"))
		add_worker(c, &kvmlens_provider_libvirt, config->uri,
			   config->off_vms == SWITCH_ON ? NULL : libvirt_active_only);
	if (strcmp(config->provider, "libvirt"))
		add_worker(c, &kvmlens_provider_proc, NULL, NULL);
}

static void provider_changed(void *arg)
{
	struct kvmlens_collector *c = arg;

	discover_poke(c->discover, 0);
}

static struct kvmlens_snapshot *take_snapshot(struct kvmlens_collector *c, uint64_t begun)
{
	struct kvmlens_snapshot *s = snapshot_new();
	struct kvmlens_snapshot *before = c->last; /* only this thread replaces it */
	struct about_parts parts = {&c->collect, c->tracker, c->discover, c->refusals, c->host};
	struct inventory *inventory;

	s->seq = ++c->seq;
	s->wall_ms = g_get_real_time() / 1000;
	c->collect.interval_ms = c->interval_ms;
	s->level = levels_default(c->collect.levels);
	s->groups = c->options.config->groups;
	tracker_lock(c->tracker);
	inventory = discover_inventory(c->discover);
	collect_vms(&c->collect, inventory, s, before);
	tracker_unlock(c->tracker);
	inventory_unref(inventory);
	rates_derive(s, before);
	about_fill(c->about, &parts, &c->ticks, s);
	if (c->host)
		host_fill(c->host, s, before, c->interval_ms);
	for (unsigned i = 0; i < c->n_fillers; i++)
		c->fillers[i].fill(c->fillers[i].arg, s);
	series_share_apply(s, c->refusals);
	about_unique(c->about, s);
	c->ticks.ticks++;
	c->ticks.last_ns = mono_raw_ns() - begun;
	c->ticks.total_ns += c->ticks.last_ns;
	c->ticks.overruns += c->ticks.last_ns > (uint64_t)c->interval_ms * 1000000;
	return s;
}

static void publish(struct kvmlens_collector *c, struct kvmlens_snapshot *s)
{
	struct kvmlens_snapshot *old;
	unsigned i;

	g_mutex_lock(&c->lock);
	old = c->last;
	c->last = s;
	g_cond_broadcast(&c->published);
	g_mutex_unlock(&c->lock);
	kvmlens_snapshot_unref(old);
	for (i = 0; i < c->sinks->len; i++)
		sink_offer(c->sinks->pdata[i], s);
}

static void apply_level(struct kvmlens_collector *c)
{
	enum kvmlens_level highest = levels_highest(c->collect.levels);

	if (c->loaded == highest)
		return;
	c->loaded = highest;
	probe_set_level(c->collect.probe, highest);
}

/* Sleep until deadline (monotonic, us) or until somebody wants a tick. False: end. */
static bool wait_tick(struct kvmlens_collector *c, gint64 deadline)
{
	gint64 alive = c->options.alive ? MAX(c->options.alive_ms, 1) * G_GINT64_CONSTANT(1000) : 0;
	bool go_on;

	g_mutex_lock(&c->lock);
	while (!c->stop && !c->tick_now && g_get_monotonic_time() < deadline) {
		gint64 until = deadline;

		if (alive) {
			c->options.alive();
			until = MIN(deadline, g_get_monotonic_time() + alive);
		}
		g_cond_wait_until(&c->wake, &c->lock, until);
	}
	c->tick_now = false;
	go_on = !c->stop;
	g_mutex_unlock(&c->lock);
	return go_on;
}

static gint64 next_deadline(struct kvmlens_collector *c, gint64 deadline)
{
	gint64 step = (gint64)c->interval_ms * 1000, now = g_get_monotonic_time();

	deadline += step;
	return deadline > now && deadline <= now + step ? deadline : now + step;
}

static gpointer run(gpointer data)
{
	struct kvmlens_collector *c = data;
	gint64 deadline = g_get_monotonic_time();

	c->collect.clock.slot = tracker_add_self(c->tracker);
	g_usleep(1000); /* to be switched out and in once, so that the clock can be read */
	do {
		uint64_t begun = mono_raw_ns();

		if (c->collect.clock.slot)
			rqclock_sync(&c->collect.clock, c->collect.threads);
		stall_watch_sync(c->collect.stalls, &c->collect.clock);
		apply_level(c);
		publish(c, take_snapshot(c, begun));
		deadline = next_deadline(c, deadline);
	} while (wait_tick(c, deadline));
	return NULL;
}

static void stop_nics(struct kvmlens_collector *c)
{
	if (!nics_free(c->collect.nics))
		probe_net_abandon(c->collect.probe);
	c->collect.nics = NULL;
}

/* Without its thread there are what providers say of interfaces. */
static void start_nics(struct kvmlens_collector *c)
{
	struct inventory *inventory = discover_inventory(c->discover);

	nics_set(c->collect.nics, inventory, NULL, NULL);
	inventory_unref(inventory);
	if (nics_start(c->collect.nics))
		stop_nics(c);
}

static int start_discovery(struct kvmlens_collector *c)
{
	struct discover_config config = {
		.ops = &tracker_ops,
		.ctx = c->tracker,
		.interval_ms = c->interval_ms,
		.workers = c->workers,
		.n_workers = c->collect.n_workers,
		.unnamed = !c->options.provider,
		.owners = (const char *const *)c->options.config->owners,
		.n_owners = c->options.config->n_owners,
		.refusals = c->refusals,
		.departed_ms = c->options.config->dead_vms_ms,
	};
	size_t i;
	int err;

	c->discover = discover_new(&config);
	for (i = 0; i < c->collect.n_workers; i++) {
		err = worker_start(c->workers[i], provider_changed, c);
		if (err)
			return err;
	}
	discover_scan(c->discover); /* the first snapshot shall not be empty */
	start_nics(c);
	c->host = host_new(NULL);
	if (host_start(c->host))
		g_clear_pointer(&c->host, host_free);
	return discover_start(c->discover);
}

static int start_stalls(struct kvmlens_collector *c)
{
	struct stall_watch_config config = {
		.stall_ms = c->options.config->stall_ms,
		.probe = c->collect.probe,
		.tracker = c->tracker,
		.discover = c->discover,
	};

	return stall_watch_start(&config, &c->collect.stalls);
}

int kvmlens_collector_start(struct kvmlens_collector *c)
{
	struct probe_options options = {
		.pin_dir = c->options.pin_dir,
		.max_threads = c->options.config->max_threads,
		.level = levels_highest(c->collect.levels),
		.groups = c->options.config->groups,
		.memslots = config_guest_memory_any(c->options.config),
	};
	unsigned i;
	int err;

	if (geteuid())
		return -EPERM;
	err = probe_open(&options, &c->collect.probe);
	if (err)
		return err;
	err = c->options.loaded ? c->options.loaded(c->options.loaded_arg) : 0;
	if (err) {
		probe_close(c->collect.probe, false);
		c->collect.probe = NULL;
		return err;
	}
	c->started = true;
	c->collect.config = c->options.config;
	c->loaded = options.level;
	c->collect.threads = probe_threads(c->collect.probe);
	c->tracker = tracker_new(c->collect.probe);
	add_workers(c);
	c->collect.workers = c->workers;
	collect_init(&c->collect);
	c->collect.guests = guests_new(c->options.config, c->interval_ms, c->collect.probe);
	if (c->options.config->groups & KVMLENS_NETWORK)
		c->collect.nics = nics_new(NULL, probe_net(c->collect.probe), c->refusals);
	c->collect.agents = guest_agents_new(c->options.config, c->interval_ms, c->refusals);
	c->about = about_new(c->options.config);
	err = start_discovery(c);
	for (i = 0; !err && i < c->sinks->len; i++)
		err = sink_start(c->sinks->pdata[i]);
	if (!err)
		err = events_start(c->collect.probe, c->discover, &c->events);
	if (!err || err == -ENOTSUP)
		err = start_stalls(c);
	if (!err) {
		c->thread = g_thread_try_new("tick", run, c, NULL);
		err = c->thread ? 0 : -EAGAIN;
	}
	if (err)
		kvmlens_collector_stop(c);
	return err;
}

static void join_tick(struct kvmlens_collector *c)
{
	if (!c->thread)
		return;
	g_mutex_lock(&c->lock);
	c->stop = true;
	g_cond_broadcast(&c->wake);
	g_mutex_unlock(&c->lock);
	g_thread_join(c->thread);
	c->thread = NULL;
}

void kvmlens_collector_stop(struct kvmlens_collector *c)
{
	size_t i;

	if (!c || !c->started || !c->collect.probe)
		return;
	join_tick(c);
	events_stop(c->events);
	stall_watch_stop(c->collect.stalls);
	c->collect.stalls = NULL;
	g_ptr_array_set_size(c->sinks, 0);
	discover_stop(c->discover);
	discover_free(c->discover);
	for (i = 0; i < c->collect.n_workers; i++)
		worker_free(c->workers[i]);
	guests_free(c->collect.guests);
	c->collect.guests = NULL;
	stop_nics(c);
	g_clear_pointer(&c->host, host_free);
	guest_agents_free(c->collect.agents);
	c->collect.agents = NULL;
	collect_clear(&c->collect);
	tracker_free(c->tracker);
	about_free(c->about);
	probe_close(c->collect.probe, c->keep_pins);
	c->collect.probe = NULL;
}

void kvmlens_collector_free(struct kvmlens_collector *c)
{
	if (!c)
		return;
	kvmlens_collector_stop(c);
	levels_free(c->collect.levels);
	refusals_free(c->refusals);
	config_free(c->options.owned);
	g_ptr_array_unref(c->sinks);
	kvmlens_snapshot_unref(c->last);
	g_mutex_clear(&c->lock);
	g_cond_clear(&c->wake);
	g_cond_clear(&c->published);
	g_free(c);
}

const struct kvmlens_snapshot *kvmlens_collector_snapshot(struct kvmlens_collector *c)
{
	const struct kvmlens_snapshot *s;

	g_mutex_lock(&c->lock);
	s = c->last ? kvmlens_snapshot_ref(c->last) : NULL;
	g_mutex_unlock(&c->lock);
	return s;
}

const struct kvmlens_snapshot *collector_wait(struct kvmlens_collector *c, uint64_t seq,
					      unsigned timeout_ms)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	const struct kvmlens_snapshot *s = NULL;

	g_mutex_lock(&c->lock);
	while (!c->last || c->last->seq <= seq)
		if (!g_cond_wait_until(&c->published, &c->lock, deadline))
			break;
	if (c->last && c->last->seq > seq)
		s = kvmlens_snapshot_ref(c->last);
	g_mutex_unlock(&c->lock);
	return s;
}

const struct features *collector_features(const struct kvmlens_collector *c)
{
	return probe_features(c->collect.probe);
}

bool collector_provider(struct kvmlens_collector *c, size_t i, const char **ret_name,
			struct worker_health *ret_health)
{
	if (i >= c->collect.n_workers)
		return false;
	*ret_name = worker_name(c->workers[i]);
	worker_health(c->workers[i], ret_health);
	return true;
}

struct refusals *collector_refusals(struct kvmlens_collector *c)
{
	return c->refusals;
}

static void wake(struct kvmlens_collector *c)
{
	c->tick_now = true;
	g_cond_broadcast(&c->wake);
}

void collector_set_interval(struct kvmlens_collector *c, unsigned ms)
{
	g_mutex_lock(&c->lock);
	c->interval_ms = CLAMP(ms, 100, 3600000);
	wake(c);
	g_mutex_unlock(&c->lock);
}

void collector_set_rules(struct kvmlens_collector *c, const struct rule_set *rules)
{
	levels_set_rules(c->collect.levels, rules);
}

void collector_set_level(struct kvmlens_collector *c, enum kvmlens_level level)
{
	levels_set_default(c->collect.levels, level);
	collector_tick_now(c);
}

int collector_override_level(struct kvmlens_collector *c, const char *match,
			     enum kvmlens_level level, int64_t for_ms)
{
	int err = levels_override(c->collect.levels, match, level, for_ms);

	if (!err)
		collector_tick_now(c);
	return err;
}

void collector_tick_now(struct kvmlens_collector *c)
{
	g_mutex_lock(&c->lock);
	wake(c);
	g_mutex_unlock(&c->lock);
}

void collector_keep_pins(struct kvmlens_collector *c)
{
	c->keep_pins = true;
}
