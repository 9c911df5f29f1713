/* SPDX-License-Identifier: Apache-2.0 */
#include "store/block.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
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

static size_t group_first(int group)
{
	return group == BLOCK_ALL ? 0 : (size_t)group * BLOCK_GROUP;
}

static size_t group_size(size_t columns, int group)
{
	return group == BLOCK_ALL ? columns : MIN(columns - group_first(group), BLOCK_GROUP);
}

int block_encode(struct codec *codec, const struct block *block, int group, GByteArray *out)
{
	size_t n = group_size(block->columns, group), rows = block->rows;
	g_autofree double *columns = g_new(double, (n + 1) * rows);

	memcpy(columns, block->time_ms, rows * sizeof(double));
	memcpy(columns + rows, block->values + group_first(group) * rows,
	       n * rows * sizeof(double));
	return codec_encode(codec, columns, rows, n + 1, out);
}

int block_decode(struct codec *codec, const void *bytes, size_t size, size_t rows, size_t columns,
		 int group, size_t place, double *ret_time_ms, double *ret_values)
{
	const size_t wanted[] = {0, 1 + place - group_first(group)};
	double *const values[] = {ret_time_ms, ret_values};

	if (place >= columns || (group != BLOCK_ALL && (size_t)group != place / BLOCK_GROUP))
		return -EBADMSG;
	return codec_decode_some(codec, bytes, size, rows, group_size(columns, group) + 1, wanted,
				 2, values);
}

/* Minimum and maximum are values that were rounded when they came, or whole numbers. */
static void round_point(const struct rollup_point *p, bool is_time, double *ret_fields, size_t n)
{
	double (*fn)(double) = is_time ? codec_round_time : codec_round;

	ret_fields[0] = fn(p->min);
	ret_fields[2 * n] = fn(p->max);
	ret_fields[n] = p->min == p->max
				? ret_fields[0]
				: fmin(fmax(fn(p->mean), ret_fields[0]), ret_fields[2 * n]);
	if (isnan(p->mean))
		ret_fields[n] = NAN;
	ret_fields[3 * n] = p->count;
}

int rollup_encode(struct codec *codec, const struct rollup_point *points, size_t entries,
		  size_t columns, const guint8 *times, GByteArray *out)
{
	size_t n = entries * columns;
	g_autofree double *fields = g_new(double, ROLLUP_FIELDS *n);

	for (size_t i = 0; i < n; i++)
		round_point(&points[i], times && times[i / entries], fields + i, n);
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
