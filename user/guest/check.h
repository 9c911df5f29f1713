/* SPDX-License-Identifier: Apache-2.0 */
/* Judge what a worker sent, which may have fallen to the guest that it read. Pure. */
#ifndef KVMLENS_GUEST_CHECK_H
#define KVMLENS_GUEST_CHECK_H

#include "guest/report.h"

/* Is this header an answer to that request, with lengths within bounds? -EPROTO: it is not. */
int guest_report_check(const struct guest_report *report, uint32_t number);

/*
 * A view of a checked report and what followed it. Numbers out of any reason become absent,
 * strings end, tasks without a pid or seen twice are left out and counted.
 */
struct guest_view *guest_report_view(const struct guest_report *report,
				     const struct guest_cpu *cpus, const struct guest_task *tasks,
				     uint64_t mono_ns);

#endif
