/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who took the CPU: the kernel side keeps, for each waiting thread, a few of those that ran
 * meanwhile; here they are added up by VM, named, and kept within bounds. Belongs to the tick.
 *
 * Charges of one label are one series: a service or a VM that restarted goes on in it. Running VMs
 * that share a name are told apart by the beginning of their UUID (vm:NAME#UUID), and by nothing
 * else; what was charged before stays where it was.
 *
 * The sums of a VM are exact: whatever the kernel side had no entry left for, and whatever is
 * folded here, is in "other", and all of it together is the VM's finished ready time.
 */
#ifndef KVMLENS_CORE_BLAME_H
#define KVMLENS_CORE_BLAME_H

#include "core/cgroup_name.h"
#include "core/vmlabels.h"
#include "probe/carry.h"

/* Entities kept of one VM; the smallest are folded into "other" beyond that. */
#define BLAME_ENTITIES_MAX 64

struct blame;

/* A waiting thread of the VM at this tick. */
struct blame_thread {
	uint16_t slot;
	uint32_t tid;
	uint32_t cpu; /* it last ran on */
	uint64_t ready_ns; /* finished waits: wake_ns + preempt_ns of its record */
	struct sched_blame charged; /* of the same copy of the record */
};

/* Both stay the caller's. */
struct blame *blame_new(struct vmlabels *labels, struct cgroup_names *cgroups);
void blame_free(struct blame *blame);

/* Begin a tick with the VMs that there are: their names, and who is gone. inventory: or NULL. */
void blame_begin(struct blame *blame, const struct inventory *inventory);

/*
 * Account a VM's vCPU threads and what threads that have left it had waited (retired_ns), and fill
 * in vm->blames, causes and aggressors. Threads that are new since the last tick are charged from
 * their beginning.
 */
void blame_vm(struct blame *blame, const struct blame_thread *threads, size_t n,
	      uint64_t retired_ns, struct snap_vm *vm);

/* Has blame_vm seen the VM, so that it is too late for blame_restore? */
bool blame_knows(const struct blame *blame, const struct vm_ident *ident);

/*
 * What a former run had shown of the VM. The first blame_vm goes on from there: each name and cause
 * keeps what it was charged, also where what took the time is gone by now, and is charged what the
 * kernel side counted for it since; whatever that leaves of the ready time is "other". Where the VM
 * has less ready time than that, the kernel side has begun again, and it is dropped.
 */
void blame_restore(struct blame *blame, const struct vm_ident *ident,
		   const struct carry_blame *carried);

/* What the next run is to restore. False: nothing was charged since the last call. */
bool blame_carry(struct blame *blame, const struct vm_ident *ident,
		 struct carry_blame *ret_carried);

#endif
