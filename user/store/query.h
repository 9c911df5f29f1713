/* SPDX-License-Identifier: Apache-2.0 */
/* Reading history back, over a connection of its own that never blocks the writer. */
#ifndef KVMLENS_STORE_QUERY_H
#define KVMLENS_STORE_QUERY_H

#include <glib.h>
#include <sqlite3.h>

struct store_series {
	gint64 vm_row, key; /* rows in the file */
	char *vm, *uuid; /* uuid "": the host */
	char *metric, *labels; /* labels without vm and uuid: disk="vda" */
	double scale;
};

/* A value, or several joined: then time is that of their beginning. In the metric's unit. */
struct store_point {
	gint64 time_ms;
	double min, mean, max;
	double count; /* samples behind it */
};

/* An array for them that frees its elements. */
GPtrArray *store_series_array(void);

struct store_reader;

/* -ENOENT: there is no store. One thread at a time. */
int store_reader_open(const char *path, struct store_reader **ret_reader);
void store_reader_close(struct store_reader *reader);

/*
 * From now on a query ends with -ETIMEDOUT after so long in all, and with -E2BIG when more than
 * max_points values of a series, before they are joined, would have to be held.
 */
void store_reader_limit(struct store_reader *reader, unsigned deadline_ms, guint max_points);

/*
 * The series of a metric: of VMs whose name matches the glob vm or whose uuid it is, "" for the
 * host's, NULL for all; labels (NULL: any) must be contained in a series' labels. By VM, then
 * labels. Array of struct store_series, freed with its elements by g_ptr_array_unref.
 */
int store_find(struct store_reader *reader, const char *vm, const char *metric, const char *labels,
	       GPtrArray **ret_series);

/* All series of those VMs that have values. */
int store_list(struct store_reader *reader, const char *vm, GPtrArray **ret_series);

/*
 * The values of a series from since up to and with until, by time: as they were stored, or joined
 * over steps of step_ms, aligned to the epoch (0: as they are). Where raw values are gone the
 * rollups answer. Array of struct store_point.
 */
int store_query(struct store_reader *reader, const struct store_series *series, gint64 since_ms,
		gint64 until_ms, gint64 step_ms, GArray **ret_points);

#endif
