/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which value stands where in the rows of a VM: a list of series that grows while the VM lives, so
 * that a value that is absent now and then changes nothing. In the file a series' metric and labels
 * are a key, which all VMs share; a list of keys is a shape, which VMs of the same kind share; and
 * that a VM's rows have a shape is a layout, a few bytes. A VM that is back after a restart resumes
 * the list that it had.
 */
#ifndef KVMLENS_STORE_COLUMNS_H
#define KVMLENS_STORE_COLUMNS_H

#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>
#include "metric/metric.h"

/* More series than this of one VM are not kept; what is left out is counted. */
#define COLUMNS_MAX 4096

struct column {
	const struct metric *metric;
	struct labels *labels; /* counted; NULL: resumed, no value has come yet */
	gint64 key; /* its row in the file, 0: none yet */
	guint64 seen; /* tick of its last value */
};

/* One VM's columns (or the host's), with the row that is being filled. */
struct columns {
	char *uuid; /* "": the host */
	char *name;
	gint64 vm, layout; /* rows in the file, 0: none yet */
	GArray *column; /* struct column */
	GHashTable *index; /* struct column key to its place */
	GArray *row; /* double, as many as columns */
	guint next; /* where the walk's next value is expected */
	bool grown; /* the layout in the file is behind */
	guint64 seen; /* tick */
	guint64 refused; /* series beyond COLUMNS_MAX */
	GHashTable *resumed; /* "metric labels" to place, of a former run's list; NULL: none */
};

struct columns *columns_new(const char *uuid, const char *name);
void columns_free(struct columns *columns);

/*
 * Take over the list that the VM's last rows in the file have, if these are not older than since_s
 * and the VM has the same name. Before the first value.
 */
int columns_resume(struct columns *columns, sqlite3 *db, gint64 since_s);

/* Begin a row: every value absent. */
void columns_begin(struct columns *columns, guint64 tick);

/* Drop the series without a value since a tick, where they are most of the list. */
void columns_trim(struct columns *columns, guint64 since_tick);

/* Set the value of a metric with these labels; a new one gets a new column. */
void columns_set(struct columns *columns, const struct metric *metric, const struct labels *labels,
		 const struct metric_value *value);

/*
 * Bring VM, keys, shape and layout in the file up to date, in the caller's transaction; wall_s is
 * noted as when the VM was last seen.
 */
int columns_store(struct columns *columns, sqlite3 *db, gint64 wall_s);

/* Forget the rows' numbers: the file is another one. */
void columns_forget(struct columns *columns);

/* A list of keys as it is stored: "1,2,7-40". Freed by the caller. */
char *shape_text(const gint64 *keys, size_t n);

/* The other way, at most COLUMNS_MAX of them: array of gint64, freed by the caller. */
GArray *shape_keys(const char *text);

/* Is this a time or a duration, kept to a thousandth of a second however large it is? */
bool columns_is_time(const struct metric *metric);

/* The number as it is stored, and what to multiply it by for the metric's unit. */
double columns_number(const struct metric *metric, const struct metric_value *value);
double columns_scale(const struct metric *metric);

/* Labels without those of the VM, as text: disk="vda". Freed by the caller. */
char *columns_label_text(const struct labels *labels);

#endif
