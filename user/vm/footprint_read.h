/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what one VM takes of the host: a call that may hang. */
#ifndef KVMLENS_VM_FOOTPRINT_READ_H
#define KVMLENS_VM_FOOTPRINT_READ_H

#include "util/offload.h"
#include "vm/footprints.h"

struct footprint_job {
	struct offload_job job; /* first */
	char *proc;
	struct footprint_target target;
	bool walk; /* let the kernel walk the pages */
	struct footprint_view view; /* what was known before, then what is known now */
	uint64_t walk_ns; /* time that walking took */
	int err; /* -ESRCH: there is no such process */
};

/* view: of the last answer. offload_job_unref() frees it. */
struct footprint_job *footprint_job_new(const char *proc, const struct footprint_target *target,
					const struct footprint_view *view);

#endif
