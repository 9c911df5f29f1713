/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's history says of each VM, in sentences: see the analytics modules. */
#ifndef KVMLENS_CLI_INSIGHTS_H
#define KVMLENS_CLI_INSIGHTS_H

#include <glib.h>

struct insight {
	const char *topic; /* static: "unusual", "neighbour", "because", "full", "size", ... */
	char *text; /* one line */
};

/* What is to be looked for, or-ed. */
enum insight_kind {
	INSIGHT_UNUSUAL = 1 << 0,
	INSIGHT_FULL = 1 << 1,
	INSIGHT_TREND = 1 << 2, /* and forecast */
	INSIGHT_CAUSE = 1 << 3, /* which neighbour, which resource of the host, at whose peaks */
	INSIGHT_LIKE = 1 << 4, /* whose load moves with or against its own */
	INSIGHT_SIZE = 1 << 5,
	INSIGHT_WHY = INSIGHT_UNUSUAL | INSIGHT_FULL | INSIGHT_CAUSE,
	INSIGHT_ALL = (1 << 6) - 1,
};

struct insights;

/*
 * Read every VM's recent load from the store at path. -ENOENT: there is no store; else a negative
 * errno of reading it.
 */
int insights_open(const char *path, struct insights **ret_insights);
void insights_close(struct insights *insights);

/* VMs, by name. */
guint insights_vms(const struct insights *insights);
const char *insights_name(const struct insights *insights, guint vm);
const char *insights_uuid(const struct insights *insights, guint vm);

/* Array of struct insight, most telling first; freed with its elements by g_ptr_array_unref. */
GPtrArray *insights_of(struct insights *insights, guint vm, unsigned kinds);

/* Of all VMs: which should not share CPUs, which would fit together, which are alike. */
GPtrArray *insights_placement(struct insights *insights);

#endif
