/* SPDX-License-Identifier: Apache-2.0 */
/* Which guests' agents are asked, by the configuration, and what they said. NULL: none is. */
#ifndef KVMLENS_CORE_GUESTAGENT_H
#define KVMLENS_CORE_GUESTAGENT_H

#include "config/config.h"
#include "core/vmlabels.h"
#include "guest/ga_result.h"
#include "vm/refusal.h"

struct guest_agents;

/* NULL: the configuration allows no VM, or no thread could be started. refusals is borrowed. */
struct guest_agents *guest_agents_new(const struct config *config, unsigned interval_ms,
				      struct refusals *refusals);
void guest_agents_free(struct guest_agents *agents);

/* Is this VM's agent asked? */
bool guest_agents_wants(const struct guest_agents *agents, const struct vm_ident *ident);

/*
 * The VMs of this snapshot, filled but for rates; their agents are asked from now on, each for what
 * its level and the groups show and no better source has told. Never blocks.
 */
void guest_agents_set(struct guest_agents *agents, const struct kvmlens_snapshot *snapshot);

/*
 * What the agent said last, to be given back with ga_result_unref(); NULL: nothing, or too long
 * ago. Never blocks.
 */
struct ga_result *guest_agents_get(struct guest_agents *agents, const struct vm_ident *ident);

/*
 * File systems, cards and system of the VM from what its agent said (NULL: nothing). macs: the
 * addresses of the VM's own cards, strings; of a guest with many, these are shown first.
 */
void guest_agent_fill(struct snap_vm *vm, const struct ga_result *result, const GPtrArray *macs);

/* The row of vm->sources. now: CLOCK_MONOTONIC. */
void guest_agents_source(struct guest_agents *agents, struct vmlabels *labels, uint64_t now,
			 const struct vm_ident *ident, struct snap_source *source);

#endif
