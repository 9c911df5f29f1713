/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns of doubles as few bytes: each column as the differences of whole numbers or the XOR of
 * neighbours, whichever is smaller, its bytes sorted by their place, all of it through zstd.
 */
#ifndef KVMLENS_STORE_CODEC_H
#define KVMLENS_STORE_CODEC_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds on what is read back. */
#define CODEC_ROWS_MAX 100000
#define CODEC_COLUMNS_MAX 4096

struct codec;

/* Scratch memory for one thread. Never NULL. */
struct codec *codec_new(void);
void codec_free(struct codec *codec);

/*
 * Append n_columns columns of n_rows values to out; column c is at columns + c * n_rows. Bit for
 * bit what decoding gives back, NAN included. -EINVAL: too many; -EIO: zstd failed.
 */
int codec_encode(struct codec *codec, const double *columns, size_t n_rows, size_t n_columns,
		 GByteArray *out);

/*
 * Decode n columns, wanted in rising order, from bytes that hold n_rows by n_columns values.
 * -EBADMSG: they do not; what values point to may be written even so.
 */
int codec_decode_some(struct codec *codec, const void *bytes, size_t size, size_t n_rows,
		      size_t n_columns, const size_t *wanted, size_t n, double *const *values);

/* Keep 24 bits of the mantissa, as a float has: an error below 6e-8 of the value. */
double codec_round(double value);

/* The same for a number of seconds, but never to less than a 1024th of one. */
double codec_round_time(double seconds);

#endif
