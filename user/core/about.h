/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a snapshot that are no VM: host, kvmlens itself, losses, features, providers. */
#ifndef KVMLENS_CORE_ABOUT_H
#define KVMLENS_CORE_ABOUT_H

#include "core/collect.h"
#include "core/host.h"
#include "core/track.h"
#include "vm/discover.h"

struct about;

struct about *about_new(const struct config *config);
void about_free(struct about *about);

/* What the collector counts of its own ticks. */
struct about_ticks {
	uint64_t ticks, overruns, last_ns, total_ns;
};

/* Whom to ask; all of it the collector's. */
struct about_parts {
	struct collect *collect;
	struct tracker *tracker;
	struct discover *discover;
	struct refusals *refusals;
	struct host *host; /* NULL: its figures are not read */
};

/* Fill in everything but the VMs, which must be there already: they are counted. */
void about_fill(struct about *about, const struct about_parts *parts,
		const struct about_ticks *ticks, struct kvmlens_snapshot *snapshot);

/*
 * Make every series of a snapshot that is otherwise complete unique (see metric/unique.h) and count
 * in its losses what that took.
 */
void about_unique(struct about *about, struct kvmlens_snapshot *snapshot);

#endif
