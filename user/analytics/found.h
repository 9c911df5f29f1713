/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine found of one VM, as entities of a snapshot; immutable once made. */
#ifndef KVMLENS_ANALYTICS_FOUND_H
#define KVMLENS_ANALYTICS_FOUND_H

#include "analytics/series.h"

struct found;

struct found *found_of(const struct watched_vm *vm);
void found_free(struct found *found);

/* Copy into a snapshot's VM; NULL found: nothing. */
void found_fill(const struct found *found, struct snap_vm *vm);

/*
 * The VM's score: the surprises of its series as one, as those of the views are joined within a
 * series. odds of each are score / (1 - score).
 */
double found_join(const double *scores, size_t n);

#endif
