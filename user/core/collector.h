/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector behind the public API: owns probe, providers' workers, discovery and the tick.
 *
 * Threads: the tick (reads kernel memory, never blocks), one a provider, discovery, thread
 * events, and one a sink. The only thing they share is immutable: inventory and snapshot.
 */
#ifndef KVMLENS_CORE_COLLECTOR_H
#define KVMLENS_CORE_COLLECTOR_H

#include "config/config.h"
#include "metric/model.h"
#include "probe/feature.h"
#include "vm/worker.h"

struct collector_options {
	const struct config *config; /* must outlive the collector */
	struct config *owned; /* NULL, or a configuration to free with the collector */
	const struct kvmlens_provider_ops *provider; /* NULL: what config->provider names */
	void *provider_arg;
	const char *uri; /* for provider; config->uri is for libvirt */
	/* NULL: private maps, for a view beside a running agent. Must outlive the collector. */
	const char *pin_dir;
	/*
	 * Called once the kernel side is loaded and before any thread is made, the moment to give
	 * up rights; NULL: nothing. A negative errno ends the start.
	 */
	int (*loaded)(void *arg);
	void *loaded_arg;
	/*
	 * Called on the tick's thread after each tick, and every alive_ms between two ticks:
	 * while a tick hangs, it is not. NULL: nothing.
	 */
	void (*alive)(void);
	unsigned alive_ms;
};

int collector_new(const struct collector_options *options,
		  struct kvmlens_collector **ret_collector);

/* What the kernel lets us do; valid after kvmlens_collector_start. */
const struct features *collector_features(const struct kvmlens_collector *collector);

/*
 * Health of provider number i and its name, static. False: there are not so many. Valid between
 * start and stop.
 */
bool collector_provider(struct kvmlens_collector *collector, size_t i, const char **ret_name,
			struct worker_health *ret_health);

/* What was refused to owners of VMM processes; lives as long as the collector. */
struct refusals *collector_refusals(struct kvmlens_collector *collector);

/* Take effect at the next tick. 100 ms to an hour. */
void collector_set_interval(struct kvmlens_collector *collector, unsigned ms);
void collector_set_level(struct kvmlens_collector *collector, enum kvmlens_level level);
/* Of which those count that raise VMs' levels; copied. NULL: none. */
void collector_set_rules(struct kvmlens_collector *collector, const struct rule_set *rules);

/* See levels_override(). */
int collector_override_level(struct kvmlens_collector *collector, const char *match,
			     enum kvmlens_level level, int64_t for_ms);

/* Wait for a snapshot newer than seq (0: any), at most timeout_ms; NULL then. Counted. */
const struct kvmlens_snapshot *collector_wait(struct kvmlens_collector *collector, uint64_t seq,
					      unsigned timeout_ms);

/* Tick once more, now. */
void collector_tick_now(struct kvmlens_collector *collector);

/* Called on the tick, on a snapshot that is complete but for what fill adds. Must not block. */
typedef void (*collector_fill_fn)(void *arg, struct kvmlens_snapshot *snapshot);

/*
 * Let a part of kvmlens that the collector does not know (the network face, deliveries, history)
 * add entities about itself to every snapshot; before kvmlens_collector_start only (-EBUSY
 * after). arg must outlive the ticks.
 */
int collector_add_filler(struct kvmlens_collector *collector, collector_fill_fn fill, void *arg);

/* Leave the pins to the next start when stopping, for an upgrade. */
void collector_keep_pins(struct kvmlens_collector *collector);

#endif
