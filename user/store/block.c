/* SPDX-License-Identifier: Apache-2.0 */
#include "store/block.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define ROLLUP_FIELDS 4

void block_init(struct block *block, size_t rows, size_t columns)
{
	block->rows = rows;
	block->columns = columns;
	block->time_ms = g_new(double, rows);
	block->values = g_new(double, rows *columns);
}

void block_clear(struct block *block)
{
	g_clear_pointer(&block->time_ms, g_free);
	g_clear_pointer(&block->values, g_free);
}

static size_t group_size(size_t columns, size_t group)
{
	return MIN(columns - group * BLOCK_GROUP, BLOCK_GROUP);
}

int block_encode(struct codec *codec, const struct block *block, unsigned group, GByteArray *out)
{
	size_t n = group_size(block->columns, group), rows = block->rows;
	g_autofree double *columns = g_new(double, (n + 1) * rows);

	memcpy(columns, block->time_ms, rows * sizeof(double));
	memcpy(columns + rows, block->values + (size_t)group * BLOCK_GROUP * rows,
	       n * rows * sizeof(double));
	return codec_encode(codec, columns, rows, n + 1, out);
}

int block_decode(struct codec *codec, const void *bytes, size_t size, size_t rows, size_t columns,
		 size_t place, double *ret_time_ms, double *ret_values)
{
	const size_t wanted[] = {0, 1 + place % BLOCK_GROUP};
	double *const values[] = {ret_time_ms, ret_values};

	if (place >= columns)
		return -EBADMSG;
	return codec_decode_some(codec, bytes, size, rows,
				 group_size(columns, place / BLOCK_GROUP) + 1, wanted, 2, values);
}

int rollup_encode(struct codec *codec, const struct rollup_point *points, size_t entries,
		  size_t columns, GByteArray *out)
{
	size_t n = entries * columns;
	g_autofree double *fields = g_new(double, ROLLUP_FIELDS *n);

	for (size_t i = 0; i < n; i++) {
		fields[i] = codec_round(points[i].min);
		fields[n + i] = codec_round(points[i].mean);
		fields[2 * n + i] = codec_round(points[i].max);
		fields[3 * n + i] = points[i].count;
	}
	return codec_encode(codec, fields, n, ROLLUP_FIELDS, out);
}

int rollup_decode(struct codec *codec, const void *bytes, size_t size, size_t entries,
		  size_t columns, struct rollup_point *ret_points)
{
	static const size_t wanted[] = {0, 1, 2, 3};
	size_t n = entries * columns;
	g_autofree double *fields = NULL;
	double *values[ROLLUP_FIELDS];
	int r;

	if (!n || n > CODEC_ROWS_MAX)
		return -EBADMSG;
	fields = g_new(double, ROLLUP_FIELDS *n);
	for (size_t f = 0; f < ROLLUP_FIELDS; f++)
		values[f] = fields + f * n;
	r = codec_decode_some(codec, bytes, size, n, ROLLUP_FIELDS, wanted, ROLLUP_FIELDS, values);
	for (size_t i = 0; r == 0 && i < n; i++)
		ret_points[i] = (struct rollup_point){values[0][i], values[1][i], values[2][i],
						      values[3][i]};
	return r;
}

struct rollup_point rollup_of(const double *values, size_t n)
{
	struct rollup_point p = {INFINITY, 0, -INFINITY, 0};

	for (size_t i = 0; i < n; i++) {
		if (isnan(values[i]))
			continue;
		p.min = fmin(p.min, values[i]);
		p.max = fmax(p.max, values[i]);
		p.count++;
		p.mean += (values[i] - p.mean) / p.count;
	}
	return p.count > 0 ? p : (struct rollup_point){NAN, NAN, NAN, 0};
}

struct rollup_point rollup_join(const struct rollup_point *points, size_t n)
{
	struct rollup_point all = {INFINITY, 0, -INFINITY, 0};

	for (size_t i = 0; i < n; i++) {
		if (!(points[i].count > 0))
			continue;
		all.min = fmin(all.min, points[i].min);
		all.max = fmax(all.max, points[i].max);
		all.count += points[i].count;
		all.mean += (points[i].mean - all.mean) * points[i].count / all.count;
	}
	return all.count > 0 ? all : (struct rollup_point){NAN, NAN, NAN, 0};
}
