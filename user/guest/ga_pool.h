/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few threads that talk to the agents of all guests, each agent at its turn, and the latest
 * results. There are two lanes. In the quick one a look has a short deadline. An agent that misses
 * it, or that fails, moves to the slow lane, which has half of the threads and its own deadline,
 * and back after a few quick looks: however many agents are slow, the quick ones do not feel it.
 * The slow ones share their threads: each waits for as long as the looks of all would take.
 * A call that does not return is left where it is, its thread replaced, and the guest is not asked
 * again until it does. An ordinary owner (vm/owner.h) has a limit of looks at once.
 */
#ifndef KVMLENS_GUEST_GA_POOL_H
#define KVMLENS_GUEST_GA_POOL_H

#include <stdbool.h>
#include "guest/ga_link.h"
#include "guest/ga_result.h"
#include "vm/refusal.h"

/* Zeroed members take the defaults. */
struct ga_pool_options {
	unsigned interval_ms; /* between two looks into one guest */
	unsigned threads; /* default 4 */
	unsigned answer_ms; /* deadline of one answer; default 3000 */
	unsigned quick_ms; /* deadline of a look in the quick lane; default a third of answer_ms */
	struct refusals
		*refusals; /* shares of ordinary owners, NULL: no limits; outlives the pool */
	unsigned overrun_ms; /* of a look, after which its thread is given up; default 20000 */
	const char *uri; /* libvirt's, NULL: qemu:///system */
	const struct ga_link_ops *ops; /* instead of libvirt and sockets, for tests */
	void *arg; /* of ops->open, then */
};

/* How talking to one agent goes. */
struct ga_state {
	bool known; /* it is among the targets */
	bool up; /* the last look brought a result */
	char why[GA_WHY_LEN]; /* of the last that did not; "" */
	bool slow; /* it is in the slow lane */
	uint64_t looks, failures;
};

struct ga_pool;

/* NULL: no thread could be started. */
struct ga_pool *ga_pool_new(const struct ga_pool_options *options);

/* Waits for a second at most; threads that hang free what they use when they return. */
void ga_pool_free(struct ga_pool *pool);

/* Ask these from now on, and no others; also looks after threads that hang. Never blocks. */
void ga_pool_set(struct ga_pool *pool, const struct ga_target *targets, size_t n);

/*
 * The latest result, however old, to be given back with ga_result_unref(); NULL: there is none.
 * *ret_state is always filled. Never blocks.
 */
struct ga_result *ga_pool_get(struct ga_pool *pool, pid_t pid, uint64_t start_ns,
			      struct ga_state *ret_state);

/* Threads that hang now. */
unsigned ga_pool_hung(struct ga_pool *pool);

#endif
