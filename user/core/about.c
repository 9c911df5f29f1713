// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "core/about.h"
#include "metric/unique.h"
#include "util/descriptors.h"

/* After those of enum sched_lost. */
enum loss {
	LOSS_REASONS = SCHED_LOST_MAX,
	LOSS_THREADS,
	LOSS_TORN,
	LOSS_DISCOVERY,
	LOSS_BLOCKED,
	LOSS_NETWORK,
	LOSS_STALLS,
	LOSS_HOST,
	LOSS_DROPS,
	LOSS_TAPS,
	LOSS_BLOCK_REQUESTS,
	LOSS_BLOCK_COUNTERS,
	LOSS_BLOCK_UNSEEN,
	LOSS_DUPLICATES,
	LOSS_VM_BOUND,
	LOSS_DESCRIPTORS,
	N_LOSSES,
};

struct about {
	const struct config *config;
	uint64_t started_ns;
	struct labels *build;
	enum kvmlens_level build_level; /* that build was made for */
	struct labels *none; /* of entities that need no label */
	struct labels *losses[N_LOSSES];
	struct labels *features[FEATURE_MAX];
	struct labels *providers[8];
	uint64_t duplicates; /* entities taken out of snapshots */
	char last_duplicate[192];
};

static const char *const loss_names[N_LOSSES] = {
	[SCHED_LOST_NO_SCHED_INFO] = "switch_without_stamp",
	[SCHED_LOST_CLOCK] = "stamp_in_future",
	[SCHED_LOST_DELAYED] = "wait_not_attributable",
	[SCHED_LOST_EVENT] = "thread_event_dropped",
	[SCHED_LOST_SEGMENTS] = "blame_ring_too_short",
	[LOSS_REASONS] = "exit_reason_no_room",
	[LOSS_THREADS] = "thread_no_room",
	[LOSS_TORN] = "record_torn",
	[LOSS_DISCOVERY] = "discovery_bound",
	[LOSS_BLOCKED] = "command_line_blocked",
	[LOSS_NETWORK] = "network_not_read",
	[LOSS_STALLS] = "stall_look_late",
	[LOSS_HOST] = "host_not_read",
	[LOSS_DROPS] = "drop_reason_no_room",
	[LOSS_TAPS] = "tap_not_hooked",
	[LOSS_BLOCK_REQUESTS] = "block_request_no_room",
	[LOSS_BLOCK_COUNTERS] = "block_counter_no_room",
	[LOSS_BLOCK_UNSEEN] = "block_completion_unseen",
	[LOSS_DUPLICATES] = "duplicate_series",
	[LOSS_VM_BOUND] = "vm_bound",
	[LOSS_DESCRIPTORS] = "scan_without_descriptors",
};

struct about *about_new(const struct config *config)
{
	struct about *a = g_new0(struct about, 1);
	unsigned i;

	a->config = config;
	a->started_ns = mono_raw_ns();
	a->none = labels_new(NULL, NULL, 0);
	for (i = 0; i < N_LOSSES; i++)
		a->losses[i] = labels_new_one(NULL, "reason", loss_names[i]);
	for (i = 0; i < FEATURE_MAX; i++)
		a->features[i] = labels_new_one(NULL, "feature", feature_name(i));
	return a;
}

void about_free(struct about *a)
{
	unsigned i;

	if (!a)
		return;
	labels_unref(a->build);
	labels_unref(a->none);
	for (i = 0; i < N_LOSSES; i++)
		labels_unref(a->losses[i]);
	for (i = 0; i < FEATURE_MAX; i++)
		labels_unref(a->features[i]);
	for (i = 0; i < G_N_ELEMENTS(a->providers); i++)
		labels_unref(a->providers[i]);
	g_free(a);
}

static void fill_build(struct about *a, enum kvmlens_level level, struct kvmlens_snapshot *s)
{
	struct snap_build *build;
	struct kvmlens_tag tags[] = {
		{"version", KVMLENS_VERSION},
		{"node", a->config->node_id},
		{"detail", config_level_name(level)},
	};

	if (!a->build || a->build_level != level) {
		labels_unref(a->build);
		a->build = labels_new(NULL, tags, G_N_ELEMENTS(tags));
		a->build_level = level;
	}
	entities_alloc(&s->build, 1, sizeof(*build));
	build = entities_at(&s->build, 0);
	build->labels = labels_ref(a->build);
	build->one = 1;
}

static uint64_t block_count(struct probe *probe, enum block_count what)
{
	bool known = probe_features(probe)->f[FEATURE_BLOCK].state == FEATURE_YES;

	return known ? probe_block_count(probe, what) : ABSENT;
}

static void fill_host(struct about *a, struct collect *c, struct kvmlens_snapshot *s)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct snap_host *host;
	size_t i;

	entities_alloc(&s->hosts, 1, sizeof(*host));
	host = entities_at(&s->hosts, 0);
	host->labels = labels_ref(a->none);
	host->cpus = cpus > 0 ? (uint64_t)cpus : ABSENT;
	host->block_requests = block_count(c->probe, BLOCK_UNATTRIBUTED_REQUESTS);
	host->block_bytes = block_count(c->probe, BLOCK_UNATTRIBUTED_BYTES);
	for (i = 0; i < s->vms.n; i++) {
		const struct snap_vm *vm = entities_at(&s->vms, i);

		host->vms += !vm->downs.n;
		host->vcpus += vm->vcpus == ABSENT ? 0 : vm->vcpus;
	}
	host->overcommit = cpus > 0 ? (double)host->vcpus / (double)cpus : NAN;
}

static uint64_t own_cpu_ns(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u))
		return ABSENT;
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

/* Second field of /proc/self/statm, in pages. Our own: it cannot hang. */
static uint64_t own_rss(void)
{
	unsigned long long size, resident;
	FILE *f = fopen("/proc/self/statm", "re");
	int n;

	if (!f)
		return ABSENT;
	n = fscanf(f, "%llu %llu", &size, &resident);
	fclose(f);
	return n == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : ABSENT;
}

static void fill_self(struct about *a, const struct about_parts *parts,
		      const struct about_ticks *ticks, struct kvmlens_snapshot *s)
{
	struct collect *c = parts->collect;
	struct threads *threads = probe_threads(c->probe);
	struct discover_health discovery = {};
	struct snap_self *self;

	discover_health(parts->discover, &discovery);
	entities_alloc(&s->self, 1, sizeof(*self));
	self = entities_at(&s->self, 0);
	self->labels = labels_ref(a->none);
	/* The instant to which the VMs' times are counted: their sum grows as this does. */
	self->uptime_ns = c->now.raw > a->started_ns ? c->now.raw - a->started_ns : 0;
	self->ticks = ticks->ticks;
	self->tick_overruns = ticks->overruns;
	self->tick_ns = ticks->ticks ? ticks->last_ns : ABSENT;
	self->tick_total_ns = ticks->total_ns;
	self->cpu_ns = own_cpu_ns();
	self->rss_bytes = own_rss();
	self->bpf_bytes = probe_memory(c->probe);
	self->threads_tracked = threads ? threads_used(threads) : 0;
	self->threads_max = threads ? threads_max(threads) : 0;
	self->stall_cpu_ns = stall_watch_cpu_ns(c->stalls);
	self->adopted = probe_adopted(c->probe);
	self->hidden_threads = discovery.scans ? discovery.hidden : ABSENT;
	self->scans = discovery.scans;
	self->descriptors = descriptors_open();
	self->descriptors_max = descriptors_limit();
}

static void fill_losses(struct about *a, const struct about_parts *parts,
			struct kvmlens_snapshot *s)
{
	struct collect *c = parts->collect;
	uint64_t counts[N_LOSSES] = {};
	struct discover_health health = {};
	unsigned i;

	discover_health(parts->discover, &health);
	for (i = 0; i < SCHED_LOST_MAX; i++)
		counts[i] = probe_lost(c->probe, i);
	counts[LOSS_REASONS] = probe_lost_reasons(c->probe);
	counts[LOSS_THREADS] = tracker_refused(parts->tracker) + health.crowded;
	counts[LOSS_TORN] = c->records.torn;
	counts[LOSS_DISCOVERY] = health.dropped;
	counts[LOSS_BLOCKED] = health.blocked;
	counts[LOSS_NETWORK] = nics_failures(c->nics);
	counts[LOSS_STALLS] = stall_watch_missed(c->stalls);
	counts[LOSS_HOST] = host_failures(parts->host);
	counts[LOSS_DROPS] = probe_lost_drops(c->probe);
	counts[LOSS_TAPS] = probe_lost_taps(c->probe);
	counts[LOSS_BLOCK_REQUESTS] = probe_block_count(c->probe, BLOCK_LOST_INFLIGHT);
	counts[LOSS_BLOCK_COUNTERS] = probe_block_count(c->probe, BLOCK_LOST_STATS);
	counts[LOSS_BLOCK_UNSEEN] = probe_block_count(c->probe, BLOCK_LOST_COMPLETIONS);
	counts[LOSS_VM_BOUND] = c->beyond_bounds;
	counts[LOSS_DESCRIPTORS] = health.starved;
	entities_alloc(&s->losses, N_LOSSES, sizeof(struct snap_loss));
	for (i = 0; i < N_LOSSES; i++) {
		struct snap_loss *loss = entities_at(&s->losses, i);

		loss->labels = labels_ref(a->losses[i]);
		loss->count = counts[i];
	}
}

static void fill_refusals(struct about *a, struct refusals *refusals, struct kvmlens_snapshot *s)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct refusal));

	refusals_read(refusals, rows);
	entities_alloc(&s->refusals, rows->len, sizeof(struct snap_refusal));
	for (guint i = 0; i < rows->len; i++) {
		const struct refusal *row = &g_array_index(rows, struct refusal, i);
		struct kvmlens_tag tags[] = {{"owner", row->owner},
					     {"reason", refusal_name(row->reason)}};
		struct snap_refusal *refusal = entities_at(&s->refusals, i);

		refusal->labels = labels_new(NULL, tags, G_N_ELEMENTS(tags));
		refusal->count = row->count;
	}
}

static void fill_features(struct about *a, struct collect *c, struct kvmlens_snapshot *s)
{
	const struct features *features = probe_features(c->probe);
	unsigned i;

	entities_alloc(&s->features, FEATURE_MAX, sizeof(struct snap_feature));
	for (i = 0; i < FEATURE_MAX; i++) {
		struct snap_feature *f = entities_at(&s->features, i);

		f->labels = labels_ref(a->features[i]);
		f->ok = features->f[i].state == FEATURE_YES;
		f->why = features->f[i].why;
	}
}

static void fill_providers(struct about *a, struct collect *c, struct kvmlens_snapshot *s)
{
	size_t i, n = MIN(c->n_workers, G_N_ELEMENTS(a->providers));
	struct worker_health health;

	entities_alloc(&s->providers, n, sizeof(struct snap_provider));
	for (i = 0; i < n; i++) {
		struct snap_provider *p = entities_at(&s->providers, i);

		if (!a->providers[i])
			a->providers[i] =
				labels_new_one(NULL, "provider", worker_name(c->workers[i]));
		worker_health(c->workers[i], &health);
		p->labels = labels_ref(a->providers[i]);
		p->up = health.up;
		p->vms = health.vms;
		p->reconnects = health.reconnects;
		p->overruns = health.overruns;
		p->age = health.list_ns && s->mono_ns > health.list_ns
				 ? (double)(s->mono_ns - health.list_ns) / 1e9
				 : NAN;
	}
}

void about_fill(struct about *a, const struct about_parts *parts, const struct about_ticks *ticks,
		struct kvmlens_snapshot *s)
{
	struct collect *c = parts->collect;

	fill_build(a, s->level, s);
	fill_host(a, c, s);
	fill_self(a, parts, ticks, s);
	fill_losses(a, parts, s);
	fill_refusals(a, parts->refusals, s);
	fill_features(a, c, s);
	fill_providers(a, c, s);
}

static void note_duplicate(void *arg, enum metric_scope scope, const struct labels *labels)
{
	struct about *a = arg;

	a->duplicates++;
	snprintf(a->last_duplicate, sizeof(a->last_duplicate), "%s{%s}", metric_scopes[scope].name,
		 labels->text);
}

void about_unique(struct about *a, struct kvmlens_snapshot *s)
{
	snapshot_drop_duplicates(s, note_duplicate, a);
	for (size_t i = 0; i < s->losses.n; i++) {
		struct snap_loss *loss = entities_at(&s->losses, i);

		if (loss->labels != a->losses[LOSS_DUPLICATES])
			continue;
		loss->count = a->duplicates;
		g_strlcpy(loss->last, a->last_duplicate, sizeof(loss->last));
	}
}
