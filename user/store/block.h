/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How rows become the blobs of the file: groups of columns for blocks, so that one series is read
 * without all the others; minima, means, maxima and counts for rollups.
 */
#ifndef KVMLENS_STORE_BLOCK_H
#define KVMLENS_STORE_BLOCK_H

#include <glib.h>
#include <stdint.h>
#include "store/codec.h"

/* Columns of values in a blob of a block; one with the times comes before them. */
#define BLOCK_GROUP 8
/* A block of at most so many values is one blob: the group that has all columns. */
#define BLOCK_WHOLE 4096
#define BLOCK_ALL (-1)

/* Rows of one layout as columns. */
struct block {
	size_t rows, columns;
	double *time_ms; /* rows */
	double *values; /* columns by rows: column c at values + c * rows */
};

void block_init(struct block *block, size_t rows, size_t columns);
void block_clear(struct block *block);

/* Encode one group, or BLOCK_ALL: its times and its columns. */
int block_encode(struct codec *codec, const struct block *block, int group, GByteArray *out);

/*
 * Times and values of the column at a place in the layout, from the group that has it; each has
 * room for rows.
 */
int block_decode(struct codec *codec, const void *bytes, size_t size, size_t rows, size_t columns,
		 int group, size_t place, double *ret_time_ms, double *ret_values);

struct rollup_point {
	double min, mean, max, count; /* count 0: the others are NAN */
};

/*
 * entries by columns, column by column. times (columns, not zero: a time, which keeps a thousandth
 * of a second) may be NULL. Means stay between minimum and maximum.
 */
int rollup_encode(struct codec *codec, const struct rollup_point *points, size_t entries,
		  size_t columns, const guint8 *times, GByteArray *out);

/* All points, in the same order. */
int rollup_decode(struct codec *codec, const void *bytes, size_t size, size_t entries,
		  size_t columns, struct rollup_point *ret_points);

/* Over the values that are there. */
struct rollup_point rollup_of(const double *values, size_t n);

/* Over points. */
struct rollup_point rollup_join(const struct rollup_point *points, size_t n);

#endif
