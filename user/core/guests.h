/* SPDX-License-Identifier: Apache-2.0 */
/* Which guests' memory is read, by the configuration, and what was read. NULL stands for none. */
#ifndef KVMLENS_CORE_GUESTS_H
#define KVMLENS_CORE_GUESTS_H

#include "config/config.h"
#include "vm/inventory.h"

struct guests;
struct probe;

/*
 * NULL: the configuration allows no VM, or no thread could be started. probe (NULL: none) tells
 * where KVM has the guests' RAM, and must outlive it.
 */
struct guests *guests_new(const struct config *config, unsigned interval_ms, struct probe *probe);
void guests_free(struct guests *guests);

/* The VMs there are now; those that may be are read from now on. Never blocks for long. */
void guests_set(struct guests *guests, const struct inventory *inventory);

/* Is this VM one of them? */
bool guests_wants(const struct guests *guests, const struct vm_ident *ident);

/* The latest view into it, to be given back with guest_view_unref(); NULL: there is none. */
struct guest_view *guests_view(struct guests *guests, const struct vm_ident *ident);

/* Why there is none; "" when there is, or when nothing is known yet. */
void guests_why(struct guests *guests, const struct vm_ident *ident, char *why, size_t size);

#endif
