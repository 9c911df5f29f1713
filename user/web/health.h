/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the agent make progress? The tick and the face are judged by the face itself, by the age of
 * the newest snapshot and by answering at all; here are the parts that only snapshots report.
 */
#ifndef KVMLENS_WEB_HEALTH_H
#define KVMLENS_WEB_HEALTH_H

#include "metric/model.h"

/* Parts that make no progress, or-ed: wire_page.stuck. */
enum health_stuck {
	HEALTH_DISCOVERY = 1, /* no search for VMs ended */
	HEALTH_STORE = 2, /* no snapshot was written, or the last write failed */
	HEALTH_DESCRIPTORS = 4, /* hardly a file descriptor is left */
};

/* When a counter last moved. */
struct health_progress {
	uint64_t count, since_ms; /* since_ms 0: not seen yet */
};

struct health {
	struct health_progress discovery, store;
};

/* Judge the newest snapshot, at now_ms of CLOCK_MONOTONIC: enum health_stuck, or-ed. */
unsigned health_judge(struct health *health, const struct kvmlens_snapshot *snapshot,
		      unsigned interval_ms, uint64_t now_ms);

/* The lowest of the bits in a few words, for whoever asks; NULL: there is none. */
const char *health_text(unsigned stuck);

#endif
