// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes of the store's blocks: decoded within their bounds or refused; and any doubles, encoded,
 * come back bit for bit. Between the two, the same bytes with a change in them, for those that are
 * no frame of the compressor's end at its first look.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "store/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first, every third and the last column. */
static int decode(struct codec *codec, const void *bytes, size_t size, size_t rows, size_t columns,
		  double *values)
{
	double *to[64];
	size_t wanted[64], n = 0;

	for (size_t c = 0; c < columns && n < 64; c += 3, n++) {
		wanted[n] = c;
		to[n] = values + c * rows;
	}
	return codec_decode_some(codec, bytes, size, rows, columns, wanted, n, to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct codec *codec;
	g_autoptr(GByteArray) encoded = g_byte_array_new();
	g_autofree double *values = NULL, *back = NULL;
	size_t rows, columns, n;

	codec = codec ?: codec_new();
	if (size < 4)
		return 0;
	rows = 1 + data[0] % 64;
	columns = 1 + data[1] % 32;
	n = rows * columns;
	values = g_new0(double, n);
	back = g_new0(double, n);
	decode(codec, data + 2, size - 2, rows, columns, back);
	memcpy(values, data + 2, MIN(size - 2, n * sizeof(double)));
	if (codec_encode(codec, values, rows, columns, encoded))
		abort();
	if (decode(codec, encoded->data, encoded->len, rows, columns, back))
		abort();
	for (size_t c = 0; c < columns; c += 3)
		if (memcmp(back + c * rows, values + c * rows, rows * sizeof(double)))
			abort();
	encoded->data[(data[2] | data[3] << 8) % encoded->len] ^= data[1] | 1;
	decode(codec, encoded->data, encoded->len, rows, columns, back);
	return 0;
}
