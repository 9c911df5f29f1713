/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet side of taps: hooks for sizes and bursts, kfree_skb for reasons of drops. Loaded only
 * where a VM's level asks. Belongs to one thread, but for net_features(); attaching waits for the
 * kernel's network lock, so that it is not the tick's.
 */
#ifndef KVMLENS_PROBE_NET_H
#define KVMLENS_PROBE_NET_H

#include <glib.h>
#include <stdbool.h>
#include <net_types.h>
#include "probe/feature.h"
#include "probe/pin.h"

struct net;

struct net_options {
	bool adopt_maps; /* those of an earlier run may be pinned and are fit for use */
	bool sizes, drops; /* what is wanted from the start */
	unsigned without; /* 1 << enum feature_id */
};

/* pin may be NULL: private maps. Never fails: see features. */
struct net *net_open(const struct pin *pin, const struct net_options *options,
		     struct features *features);
void net_close(struct net *net, bool keep_pins);

/* Remove the hooks that a crashed run may have left: those that no process holds. */
void net_remove_leftovers(const struct pin *pin);

/* Remove its pins, where it is not to be loaded at all. */
void net_unpin(const struct pin *pin);

/* One interface of a VM. */
struct net_target {
	uint32_t ifindex;
	bool sizes, drops;
};

/*
 * Load what the targets need, hook those that are new, let go of all others. Nothing that fails
 * is tried again before net_features() has told it: a tap that cannot be hooked has no sizes.
 */
void net_sync(struct net *net, const struct net_target *targets, size_t n);

/* Begin a new epoch of peaks; net_read() then tells of the one that ended. */
void net_next_epoch(struct net *net);

struct net_numbers {
	uint64_t packets, bytes;
	uint64_t sizes[NET_SIZES];
	uint64_t peak[NET_WINDOWS]; /* most bytes in a window of the last epoch */
};

/* Of a hooked tap. -ENOENT: it is not. */
int net_read(struct net *net, uint32_t ifindex, struct net_numbers ret[NET_DIRECTIONS]);

/* Drops of all watched taps; reason is static or lives as long as net. */
typedef void (*net_drop_fn)(void *arg, uint32_t ifindex, const char *reason, uint64_t count);
void net_drops(struct net *net, net_drop_fn fn, void *arg);

/* The map of what found no room, by enum net_lost; -1: none. Any thread. */
int net_lost_fd(const struct net *net);

/* Taps so far that could not be hooked although they are there. Any thread. */
unsigned net_refused(const struct net *net);

/* Bring this subsystem's rows up to date. Any thread. */
void net_features(struct net *net, struct features *features);

#endif
