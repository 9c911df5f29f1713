/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery: one thread that knows which VMs there are and which threads they have. It merges
 * what the kernel's iterator found, what /proc shows and what the providers' workers listed,
 * and publishes the result as an immutable struct inventory. It reaches the kernel side (layers
 * above) only through the callbacks below, all of them called on its thread alone.
 */
#ifndef KVMLENS_VM_DISCOVER_H
#define KVMLENS_VM_DISCOVER_H

#include "vm/departed.h"
#include "vm/inventory.h"
#include "vm/refusal.h"
#include "vm/worker.h"

/* How threads are accounted and how the kernel is asked. Every member may be NULL. */
struct discover_ops {
	/*
	 * Append a struct kvm_found for every open kvm-vm and kvm-vcpu file on the host.
	 * -ENOTSUP: this kernel cannot; discovery then reads the descriptors in /proc.
	 */
	int (*scan)(void *ctx, GArray *found);

	/*
	 * Account this thread from now on. flags: SCHED_F_TCG. Calling it again for a thread that
	 * is tracked (or was adopted from an earlier run) returns the slot that it has, with the
	 * new role. -ENOSPC: no slot is free, counted by the tracker; the thread goes untracked.
	 */
	int (*track)(void *ctx, pid_t tid, pid_t tgid, enum sched_role role, uint32_t flags,
		     uint16_t *ret_slot);

	/* Slots that are free, and how many there are in all. */
	unsigned (*room)(void *ctx, unsigned *ret_all);

	/*
	 * Stop accounting. keep: its counts stay in the VM's totals; else forget them, the VM is
	 * gone. Only called between begin and end.
	 */
	void (*untrack)(void *ctx, uint16_t slot, bool keep);

	/*
	 * A VM's process was found; and it is gone: how it ended, *ret_exit untouched where that is
	 * unknown.
	 */
	void (*watch)(void *ctx, pid_t pid);
	void (*ended)(void *ctx, pid_t pid, struct vm_exit *ret_exit);

	/*
	 * Around every change that the tick must see as one: threads that leave and the inventory
	 * without them. A tracker takes the lock here that the tick holds while it takes the
	 * inventory and reads records. Nothing in between blocks.
	 */
	void (*begin)(void *ctx);
	void (*end)(void *ctx);

	/*
	 * A full scan has been published. Slots adopted from an earlier run that nobody has
	 * claimed by now belong to VMs that are gone.
	 */
	void (*scanned)(void *ctx);
};

struct discover_config {
	const struct discover_ops *ops; /* NULL: no kernel side at all */
	void *ctx; /* of ops */
	const char *proc_root; /* NULL: /proc. Copied. */
	unsigned interval_ms; /* of full scans; 0: 10000, never more often than once a second */
	struct worker *const *workers; /* in order of precedence; started and freed by others */
	size_t n_workers;
	bool unnamed; /* also list VMM processes that no worker names */
	const char *etc; /* of passwd and subuid; NULL: /etc. Copied. */
	const char *const *owners; /* trusted users, as owner_policy_new(); copied */
	size_t n_owners;
	struct refusals *refusals; /* shares of ordinary owners; borrowed; NULL: no limits */
	int64_t departed_ms; /* how long VMs that are gone remain, as being down; 0: not at all */
};

struct discover_health {
	uint64_t scans, scan_ns; /* full scans, and how long the last one took */
	uint64_t pokes; /* scans of single processes */
	uint64_t blocked; /* processes whose command line cannot be read now */
	uint64_t crowded; /* threads left out to keep room for vCPUs of trusted VMs */
	uint64_t hidden; /* threads that /proc does not show; KVMLENS_ABSENT: unknown */
	uint64_t dropped; /* VMs, threads and files left out because of a bound */
	uint64_t starved; /* scans left out because no descriptor was left */
	int kernel; /* what ops->scan last returned: 0, -ENOTSUP, ... */
};

struct discover;

/* Copies config; nothing runs yet. Never NULL. */
struct discover *discover_new(const struct discover_config *config);

/* Start the thread. -EAGAIN: it could not be made. */
int discover_start(struct discover *discover);

/* The newest inventory, NULL before the first scan. inventory_unref it. Never blocks. */
struct inventory *discover_inventory(struct discover *discover);

/*
 * Something changed: a thread of tgid was born or died; 0: anything, scan all. Many pokes are
 * served by one scan. Any thread, never blocks. Suits worker_start's changed with a wrapper.
 */
void discover_poke(struct discover *discover, pid_t tgid);

void discover_health(struct discover *discover, struct discover_health *ret_health);

/*
 * One full scan on the caller's thread instead of discover_start, for --once and tests. The
 * inventory is published as ever.
 */
void discover_scan(struct discover *discover);

/* End the thread; slots stay as they are. The last inventory remains until discover_free. */
void discover_stop(struct discover *discover);
void discover_free(struct discover *discover);

#endif
