/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters that user space itself keeps of a VM and that must survive an upgrade or a crash of the
 * agent, as what the kernel's programs count does: a pinned map that no program uses, keyed by the
 * VMM's process.
 */
#ifndef KVMLENS_PROBE_CARRY_H
#define KVMLENS_PROBE_CARRY_H

#include <stdint.h>
#include <sys/types.h>
#include "probe/pin.h"

#define CARRY_CAUSES 8

/* The value; all of it 0: nothing is carried. Its size is what tells a map of another version. */
struct carry_stalls {
	uint64_t begun, total_ns;
	uint64_t count[CARRY_CAUSES],
		ns[CARRY_CAUSES]; /* by enum stall_cause, of those that ended */
	uint64_t main_loop_ns;
	uint64_t since, counted_ns; /* of one that goes on: run queue clock, 0: none */
};

#define CARRY_CHARGES 64
#define CARRY_READY_CAUSES 16

/* Ready time by who took it and by cause, as it was shown last; ns. */
struct carry_blame {
	uint64_t accounted; /* ready time that all charges, and all causes, sum to */
	uint64_t causes[CARRY_READY_CAUSES]; /* by enum ready_cause */
	uint64_t n;
	struct {
		uint64_t ns;
		char by[136]; /* the label's value */
	} charges[CARRY_CHARGES];
};

struct carry;

/* pin NULL: private maps, nothing is carried. NULL: the kernel refuses the map. */
struct carry *carry_open(const struct pin *pin);
void carry_close(struct carry *carry);

/* carry may be NULL. 0; -ENOENT: nothing is carried of this process. */
int carry_load(const struct carry *carry, pid_t pid, uint64_t start_ns,
	       struct carry_stalls *ret_stalls);
int carry_store(const struct carry *carry, pid_t pid, uint64_t start_ns,
		const struct carry_stalls *stalls);
int carry_blame_load(const struct carry *carry, pid_t pid, uint64_t start_ns,
		     struct carry_blame *ret_blame);
int carry_blame_store(const struct carry *carry, pid_t pid, uint64_t start_ns,
		      const struct carry_blame *blame);

/* Of both. */
void carry_forget(const struct carry *carry, pid_t pid, uint64_t start_ns);

#endif
