/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the sources of the numbers, in words. */
#ifndef KVMLENS_TUI_HEALTH_H
#define KVMLENS_TUI_HEALTH_H

#include "metric/model.h"
#include "tui/frame.h"

struct problem {
	enum tone tone;
	char *text; /* one line; owned */
};

/*
 * The problems (struct problem, worst first) that a snapshot tells of, none for a healthy one.
 * now_ns is CLOCK_MONOTONIC: a snapshot older than a few intervals is a problem itself; 0: its
 * age does not matter. losses false: what was lost is not worth a line again.
 */
GArray *health_problems(const struct kvmlens_snapshot *snapshot, uint64_t now_ns,
			unsigned interval_ms, bool losses);

/* What was lost since the start, in one line; NULL: nothing. */
char *health_losses(const struct kvmlens_snapshot *snapshot);

/* How many events were lost since the start, of all kinds. */
uint64_t health_loss_total(const struct kvmlens_snapshot *snapshot);

/* What is refused by the kernel or switched off, and why: a line a feature. */
GPtrArray *health_missing(const struct kvmlens_snapshot *snapshot);

/* Why there may be no VM in the list: what was looked for and where. A paragraph a string. */
GPtrArray *health_no_vms(const struct kvmlens_snapshot *snapshot);

#endif
