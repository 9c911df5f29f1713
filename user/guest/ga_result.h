/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's agent said at one look: the guest's claim, within bounds. Immutable, counted. */
#ifndef KVMLENS_GUEST_GA_RESULT_H
#define KVMLENS_GUEST_GA_RESULT_H

#include "metric/guest_view.h"
#include "util/bounds.h"

#define GA_TEXT_LEN 128

/* What to ask for; the more, the more the guest has to do for it. */
enum ga_part {
	GA_SYSTEM = 1 << 0, /* CPU split, memory, load */
	GA_TASKS = 1 << 1, /* processes, by a command that runs in the guest; implies GA_SYSTEM */
	GA_SPACE = 1 << 2, /* file systems */
	GA_NICS = 1 << 3,
};

/* Texts are as the guest wrote them: only ever to be shown through labels. */
struct ga_fs {
	char mount[GA_TEXT_LEN];
	char device[64]; /* without /dev/ */
	char type[32];
	uint64_t size, used; /* bytes, without what is kept for root: df's used and available */
	uint64_t whole; /* what df(1) calls the size; ABSENT: not known */
	bool read_only; /* by its type, or in every place where it is mounted: it cannot fill up */
};

struct ga_nic {
	char name[32], mac[32];
	uint64_t rx_errors, rx_dropped, tx_errors, tx_dropped;
};

struct ga_result {
	gint ref;
	uint64_t mono_ns; /* host's CLOCK_MONOTONIC when it was complete */
	struct guest_view *view; /* NULL: not asked for, or the agent cannot tell */
	uint32_t n_fs;
	struct ga_fs
		fs[GA_FS_MAX]; /* by device; those that can be written first, then the largest */
	uint32_t n_nics;
	struct ga_nic *nics; /* owned */
	uint64_t fs_left_out, nics_left_out; /* beyond the bounds above */
	char os[GA_TEXT_LEN], kernel[GUEST_NAME_LEN]; /* "" where it is not told */
	char note[96]; /* what the agent does not let us have, in our words; "" */
};

struct ga_result *ga_result_new(void);
struct ga_result *ga_result_ref(struct ga_result *result);
void ga_result_unref(struct ga_result *result);

typedef struct ga_result ga_result;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ga_result, ga_result_unref)

#endif
