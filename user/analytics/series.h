/* SPDX-License-Identifier: Apache-2.0 */
/* A VM and its series as the engine knows them. */
#ifndef KVMLENS_ANALYTICS_SERIES_H
#define KVMLENS_ANALYTICS_SERIES_H

#include <glib.h>
#include <stdbool.h>
#include "analytics/outlook.h"
#include "analytics/watch.h"
#include "metric/metric.h"

struct watched_vm {
	char *uuid;
	struct labels *labels; /* vm, uuid */
	GPtrArray *series; /* struct watched, owned */
	gint64 seen_s, due_s; /* the last sample; the next look at its trends */
	unsigned looks;
	guint64 refused; /* samples of series that it has too many of */
};

struct watched {
	struct watched_vm *vm;
	const struct watch *watch;
	const struct metric *metric;
	struct labels *labels; /* as snapshots have them */
	char *text; /* of labels without vm and uuid */
	struct labels *shown; /* labels and metric */
	struct labels *windowed[OUTLOOK_WINDOWS]; /* and window */
	struct watch_state *state; /* owned */
	double held; /* the score, which goes down slowly so that other series can join it */
	bool has_trend[OUTLOOK_WINDOWS], has_day, has_full;
	struct trend trend[OUTLOOK_WINDOWS];
	struct outlook_day day;
	struct outlook_full full;
};

struct watched_vm *watched_vm_new(const char *uuid, struct labels *labels);
void watched_vm_free(struct watched_vm *vm);

/* A new series of vm, which owns it; the caller gives it a state. */
struct watched *watched_new(struct watched_vm *vm, const struct watch *watch,
			    const struct metric *metric, const struct labels *labels);

/* By metric and labels. */
guint watched_hash(gconstpointer key);
gboolean watched_equal(gconstpointer left, gconstpointer right);

void watched_learn(struct watched *series, gint64 time_s, double value);

/* Renew trends, forecast and time to full, the slow ones not at every look. */
void watched_look(struct watched *series, unsigned look);

#endif
