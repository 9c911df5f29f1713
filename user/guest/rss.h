/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory a process has. Its kernel keeps the count in several places and moves pages
 * from one to the other while the process runs: a count read in the middle of that is noticed.
 */
#ifndef KVMLENS_GUEST_RSS_H
#define KVMLENS_GUEST_RSS_H

#include "guest/task.h"

/* Page counts of mm_struct, by the kernel's own order: file, anonymous, swap, shared. Sums wrap. */
struct pages {
	uint64_t count[4];
};

struct rss_look {
	bool threads; /* before holds the counts of before the threads were read */
	bool ran; /* the process has run since the last walk, as far as is known */
	struct pages before;
	int64_t cached[4]; /* pages that threads have not yet given to their mm */
};

/* Add what this thread has not yet given to its mm. */
void guest_rss_thread(const struct layout *layout, const struct task_image *image,
		      struct rss_look *look);

/* Before the other threads are read; the leader, whose image is older, is looked at again. */
void guest_rss_begin(struct guest_kernel *kernel, const struct task_image *leader,
		     struct rss_look *look);

/*
 * Fill task->rss and swap, absent where they cannot be read. False: the count moved meanwhile, or
 * may have, until guest_rss_same() says otherwise.
 */
bool guest_rss_read(struct guest_kernel *kernel, uint64_t mm_va, const struct rss_look *look,
		    struct guest_task *task);

/* Has the leader given nothing to its mm since the image? again: layout.check_lo to check_hi. */
bool guest_rss_same(const struct layout *layout, const struct task_image *leader,
		    const uint8_t *again);

/* The last try, with reads close together: a right count, or none. */
void guest_rss_settle(struct guest_kernel *kernel, const struct task_image *leader,
		      const struct rss_look *look, struct guest_task *task);

#endif
