/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The detail level in force for each VM: an operator's word for a while, else the configuration's
 * rule for the VM, else the default, which may change while the agent runs; an alert rule may
 * raise the last two. Any thread.
 */
#ifndef KVMLENS_CORE_LEVELS_H
#define KVMLENS_CORE_LEVELS_H

#include "config/config.h"

struct levels;

/* config must outlive it. */
struct levels *levels_new(const struct config *config);
void levels_free(struct levels *levels);

/* Alert rules that raise the level of VMs; copied. NULL: none. */
void levels_set_rules(struct levels *levels, const struct rule_set *rules);

void levels_set_default(struct levels *levels, enum kvmlens_level level);
enum kvmlens_level levels_default(struct levels *levels);

/*
 * For the next for_ms milliseconds the VMs that match (a glob on the name, or the uuid) have this
 * level, whatever else is said; the newest word wins. 0 ms takes such a word back (-ENOENT: there
 * was none). -ENOSPC: too many are in force.
 */
int levels_override(struct levels *levels, const char *match, enum kvmlens_level level,
		    int64_t for_ms);

enum kvmlens_level levels_for(struct levels *levels, const char *name, const char *uuid,
			      const char *owner);

/* The highest that any VM could have now. */
enum kvmlens_level levels_highest(struct levels *levels);

#endif
