/* SPDX-License-Identifier: Apache-2.0 */
/* The alerts after a step, immutable and counted: for pages, screens and metrics. */
#ifndef KVMLENS_ALERT_VIEW_H
#define KVMLENS_ALERT_VIEW_H

#include "alert/engine.h"
#include "alert/state.h"
#include "util/textbuf.h"

/* One alert that is not inactive. */
struct seen_alert {
	char *id, *rule_id, *name, *summary;
	enum alert_severity severity;
	enum alert_state state;
	int64_t since_ms, fired_ms;
	double value, threshold;
	const char *metric, *quiet; /* static */
	struct labels *labels; /* of the series */
	struct labels *shown; /* vm, uuid, rule, severity; NULL: not of a VM, or pending */
};

struct alert_view {
	gint ref;
	GPtrArray *alerts; /* struct seen_alert *, the most severe and oldest first */
	GHashTable *by_uuid; /* GPtrArray of those of a VM that are up, by uuid */
	struct alert_engine_stats stats;
	uint64_t lost, cpu_ns; /* the keeper's */
};

struct alert_view *alert_view_new(struct alert_engine *engine);

/* The same bit by bit, from alerts that were kept: empty, add, finish. */
struct alert_view *alert_view_empty(void);
void alert_view_add(struct alert_view *view, const struct kept_alert *kept);
void alert_view_finish(struct alert_view *view);

struct alert_view *alert_view_ref(struct alert_view *view);
void alert_view_unref(struct alert_view *view);

/* Add what is up to a snapshot. */
void alert_view_fill(const struct alert_view *view, struct kvmlens_snapshot *snapshot);

/* Append {"alerts": [...]}; view may be NULL: nothing was looked at yet. */
void alert_view_render(const struct alert_view *view, struct textbuf *out);

#endif
