/* SPDX-License-Identifier: Apache-2.0 */
/* One VM that is watched for stalls: what the last round saw, and what this one makes of it. */
#ifndef KVMLENS_CORE_STALL_VM_H
#define KVMLENS_CORE_STALL_VM_H

#include "core/stall.h"
#include "probe/carry.h"
#include "core/stall_look.h"
#include "vm/inventory.h"

struct stall_seen {
	pid_t tid;
	uint16_t slot; /* of its record */
	struct stall_vcpu vcpu;
};

struct stall_vm {
	struct vm_ident *ident; /* counted */
	GArray *before, *now; /* struct stall_seen, of the vCPUs */
	uint64_t since; /* run queue clock: of a stall, or of what may become one; 0: none */
	bool active; /* it is one */
	uint64_t unseen; /* since when its vCPUs have records without a switch; 0: they have one */
	bool young; /* set by the watch: its VMM has just been started */
	bool ran; /* its vCPUs have run the guest, not only their own threads' start */
	bool ran_known; /* ran_before has been read */
	uint64_t ran_before; /* CPU time of its vCPUs before they had records */
	bool paused; /* by its VMM, as its threads showed; until it runs again */
	uint64_t paused_at_ns; /* CPU time of its vCPUs when that was seen */
	bool based; /* base has been read */
	struct stall_quota base; /* as it was early in the stall */
	uint64_t looked; /* run queue clock of the last look into /proc; 0: none yet */
	struct stall_look look;
	enum stall_cause cause;
	char note[STALL_NOTE_MAX];
	struct stall_vcpu main_before, main_now; /* of the VMM's first thread */
	bool has_main, main_checked, main_polls;
	uint64_t main_held; /* run queue clock up to which it has been counted; 0: it is not */
	unsigned round;
	struct carry_stalls carried; /* what was stored last, or an earlier run stored */
	struct stall_memory memory; /* under the lock of the round */
};

/* What a round works with. */
struct stall_round {
	const struct stall_roots *roots;
	GMutex *lock; /* of every stall_vm.memory */
	uint64_t now, wall_ns; /* run queue clock; nanoseconds since the epoch */
	uint64_t stall_ns;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC_RAW: no look into /proc after that */
	uint64_t missed; /* looks that were due, and would have been later */
	/* Has this VM not run since the records of this round were read? */
	bool (*still)(void *arg, const struct stall_vm *vm);
	void *arg;
};

struct stall_vm *stall_vm_new(struct vm_ident *ident);
void stall_vm_free(struct stall_vm *vm);

/* Go on with what an earlier run of the agent had counted of this VM. */
void stall_vm_restore(struct stall_vm *vm, const struct carry_stalls *carried);

/* What is to be carried now; false: it is what was stored last, but for a few milliseconds. */
bool stall_vm_carry(struct stall_vm *vm, struct carry_stalls *ret_stalls);

/* Judge what now holds against before, and make it the next round's before. */
void stall_vm_judge(struct stall_vm *vm, const struct inventory_vm *iv, struct stall_round *round);

#endif
