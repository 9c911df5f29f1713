/* SPDX-License-Identifier: Apache-2.0 */
/* The last minute of one VM, from the snapshots of a live view. */
#ifndef KVMLENS_WHY_WINDOW_H
#define KVMLENS_WHY_WINDOW_H

#include "why/evidence.h"

#define WHY_WINDOW_MS 60000

struct why_window;

struct why_window *why_window_new(void);
void why_window_free(struct why_window *window);

/* The VM's values in this snapshot; what is older than a minute is forgotten. */
void why_window_add(struct why_window *window, const struct kvmlens_snapshot *snapshot,
		    const struct snap_vm *vm);

/* All of it as evidence, freed by the caller. */
struct evidence *why_window_evidence(const struct why_window *window, const char *name,
				     const char *uuid);

#endif
