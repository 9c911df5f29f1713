/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which network interfaces each VM has and what the kernel counts of them, read on a thread of
 * its own: the kernel's network lock can be held for long. NULL stands for none.
 */
#ifndef KVMLENS_CORE_NICS_H
#define KVMLENS_CORE_NICS_H

#include "core/latest.h"
#include "core/vmlabels.h"
#include "metric/model.h"
#include "vm/refusal.h"

struct nics;
struct net;

/*
 * proc_root NULL: /proc. refusals (NULL: no limits) is borrowed. net (may be NULL) is used by
 * nobody else until nics_free. NULL: /proc cannot be read. Nothing runs yet.
 */
struct nics *nics_new(const char *proc_root, struct net *net, struct refusals *refusals);

/* False: its thread hangs, and may use net whenever it comes back. */
bool nics_free(struct nics *nics);

/* Start reading, and wait a little for the first result. After nics_set. -EAGAIN. */
int nics_start(struct nics *nics);

/*
 * The VMs there are now, whose interfaces are read from now on. snapshot (may be NULL) has them
 * in the same order, with their levels; latest may be NULL.
 */
void nics_set(struct nics *nics, const struct inventory *inventory,
	      const struct kvmlens_snapshot *snapshot, const struct latest *latest);

/* The next tick comes in so many milliseconds. */
void nics_kick(struct nics *nics, unsigned ms);

/* Take the newest result for one tick; one read before oldest_ns is none. */
void nics_begin(struct nics *nics, uint64_t oldest_ns);
void nics_end(struct nics *nics);

/*
 * Fill in vm->nics, without rates, and what their hooks tell. stats, of mono_ns: what its provider
 * says, NULL: nothing.
 */
void nics_fill(struct nics *nics, struct vmlabels *labels, const struct kvmlens_vm_stats *stats,
	       uint64_t mono_ns, struct snap_vm *vm);

/* Readings that failed or were not ready in time. */
uint64_t nics_failures(struct nics *nics);

#endif
