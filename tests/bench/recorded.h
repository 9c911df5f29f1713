/* SPDX-License-Identifier: Apache-2.0 */
/* What real guests did (tests/data/recorded), played back as many VMs. */
#ifndef KVMLENS_TESTS_RECORDED_H
#define KVMLENS_TESTS_RECORDED_H

#include <glib.h>
#include "metric/metric.h"

/* The recordings of a folder. */
struct recorded;

/* -ENOENT: there is none; -EBADMSG: one is damaged, or of a metric that is no more. */
int recorded_load(const char *folder, struct recorded **ret_recorded);
void recorded_free(struct recorded *recorded);

guint recorded_guests(const struct recorded *recorded);

/* VMs vm-0000, vm-0001, ...: each plays a recording over and over, begun at a place of its own. */
struct playback;

struct playback *playback_new(const struct recorded *recorded, unsigned vms);
/* The same VMs from number first on: vm-0007 plays what it would among all. */
struct playback *playback_new_from(const struct recorded *recorded, unsigned first, unsigned vms);
void playback_free(struct playback *playback);

/*
 * The next tick's values, at that time. Lent until the next call: it is one snapshot whose values
 * change, so nobody may look at it any more by then.
 */
struct kvmlens_snapshot *playback_step(struct playback *playback, gint64 wall_ms);

#endif
