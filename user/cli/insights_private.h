/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of insights.h share. */
#ifndef KVMLENS_CLI_INSIGHTS_PRIVATE_H
#define KVMLENS_CLI_INSIGHTS_PRIVATE_H

#include <stdint.h>
#include "analytics/correlate.h"
#include "cli/insight_data.h"
#include "cli/insights.h"

struct insights {
	struct store_reader *reader;
	int64_t now_ms;
	struct grid fine, day, long_past;
	GPtrArray *vms; /* struct store_series of vm.cpu.usage: one a VM */
	double **load; /* on the fine grid, NULL: not enough is known */
	struct ranks *load_ranks;
	GPtrArray *said; /* struct insight, of the VM being looked at */
};

/* Add a line to what is said of the VM. */
void insight_say(struct insights *in, const char *topic, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* An array for lines. */
GPtrArray *insight_lines(void);

static inline const struct store_series *insight_vm(const struct insights *in, size_t i)
{
	return g_ptr_array_index(in->vms, i);
}

/* Disk and memory that run full; trends and forecasts; the right size. */
void insight_full(struct insights *in, const struct store_series *vm);
void insight_outlook(struct insights *in, const struct store_series *vm);
void insight_size(struct insights *in, const struct store_series *vm);

#endif
