/* SPDX-License-Identifier: Apache-2.0 */
#include "store/codec.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <zstd.h>

#define CODEC_LEVEL 3
#define EXACT 9007199254740992.0 /* 2^53: whole numbers below are exact */

/*
 * A column: a byte that says how and in how many bytes a value, then for CONSTANT the value, for
 * the others the first value (and the first difference of TWICE) and the rest's bytes by place.
 */
enum how { CONSTANT, ONCE, TWICE, XOR };

struct codec {
	ZSTD_CCtx *pack;
	ZSTD_DCtx *unpack;
	GByteArray *raw;
	uint64_t *words; /* CODEC_ROWS_MAX */
};

struct codec *codec_new(void)
{
	struct codec *codec = g_new0(struct codec, 1);

	codec->pack = ZSTD_createCCtx();
	codec->unpack = ZSTD_createDCtx();
	codec->raw = g_byte_array_new();
	return codec;
}

void codec_free(struct codec *codec)
{
	if (!codec)
		return;
	ZSTD_freeCCtx(codec->pack);
	ZSTD_freeDCtx(codec->unpack);
	g_byte_array_unref(codec->raw);
	g_free(codec->words);
	g_free(codec);
}

double codec_round(double value)
{
	uint64_t bits;

	if (!isfinite(value))
		return value;
	memcpy(&bits, &value, sizeof(bits));
	/* Round half up in the magnitude; a carry into the exponent is right as well. */
	bits = (bits + (1ull << 28)) & ~((1ull << 29) - 1);
	memcpy(&value, &bits, sizeof(bits));
	return isfinite(value) ? value : HUGE_VAL;
}

double codec_round_time(double seconds)
{
	/* Below, 24 bits are finer; above 2^43, so is a double. */
	if (!isfinite(seconds) || fabs(seconds) < 16384 || fabs(seconds) > 8796093022208)
		return codec_round(seconds);
	return floor(seconds * 1024 + 0.5) / 1024;
}

static uint64_t bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static bool whole(const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(fabs(v[i]) < EXACT) || v[i] != floor(v[i]) || (v[i] == 0 && signbit(v[i])))
			return false;
	return true;
}

static unsigned width_of(uint64_t all)
{
	unsigned width = 1;

	while (width < 8 && all >> (8 * width))
		width++;
	return width;
}

/* Differences, of differences when twice; returns the bytes that the greatest takes. */
static unsigned differences(const double *v, size_t n, bool twice, uint64_t *ret_words)
{
	int64_t last = 0;
	uint64_t all = 0;

	for (size_t i = 1; i < n; i++) {
		int64_t d = (int64_t)v[i] - (int64_t)v[i - 1];

		ret_words[i] = zigzag(twice && i > 1 ? d - last : d);
		if (i > (twice ? 1 : 0))
			all |= ret_words[i];
		last = d;
	}
	return width_of(all);
}

static unsigned xors(const double *v, size_t n, uint64_t *ret_words)
{
	for (size_t i = 1; i < n; i++)
		ret_words[i] = bits_of(v[i]) ^ bits_of(v[i - 1]);
	return 8;
}

static void put_u64(GByteArray *out, uint64_t v)
{
	v = GUINT64_TO_LE(v);
	g_byte_array_append(out, (const guint8 *)&v, sizeof(v));
}

static void put_words(GByteArray *out, const uint64_t *words, size_t n, unsigned width)
{
	size_t at = out->len;

	g_byte_array_set_size(out, (guint)(at + n * width));
	for (unsigned b = 0; b < width; b++)
		for (size_t i = 0; i < n; i++)
			out->data[at + b * n + i] = (guint8)(words[i] >> (8 * b));
}

static bool constant(const double *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (bits_of(v[i]) != bits_of(v[0]))
			return false;
	return true;
}

static void put_column(struct codec *codec, const double *v, size_t n)
{
	GByteArray *out = codec->raw;
	unsigned width = 8;
	enum how how = XOR;
	guint8 head;

	if (constant(v, n)) {
		how = CONSTANT;
	} else if (whole(v, n)) {
		unsigned once = differences(v, n, false, codec->words);
		unsigned twice = differences(v, n, true, codec->words);

		how = twice < once ? TWICE : ONCE;
		width = how == TWICE ? twice : differences(v, n, false, codec->words);
	} else {
		width = xors(v, n, codec->words);
	}
	head = (guint8)(how << 4 | width);
	g_byte_array_append(out, &head, 1);
	put_u64(out, bits_of(v[0]));
	if (how == TWICE)
		put_u64(out, codec->words[1]);
	if (how != CONSTANT)
		put_words(out, codec->words + (how == TWICE ? 2 : 1), n - (how == TWICE ? 2 : 1),
			  width);
}

static bool prepare(struct codec *codec, size_t n_rows, size_t n_columns)
{
	if (!n_rows || n_rows > CODEC_ROWS_MAX || !n_columns || n_columns > CODEC_COLUMNS_MAX)
		return false;
	if (!codec->words)
		codec->words = g_new(uint64_t, CODEC_ROWS_MAX);
	return true;
}

int codec_encode(struct codec *codec, const double *columns, size_t n_rows, size_t n_columns,
		 GByteArray *out)
{
	size_t bound, at = out->len, size;

	if (!prepare(codec, n_rows, n_columns))
		return -EINVAL;
	g_byte_array_set_size(codec->raw, 0);
	for (size_t c = 0; c < n_columns; c++)
		put_column(codec, columns + c * n_rows, n_rows);
	bound = ZSTD_compressBound(codec->raw->len);
	g_byte_array_set_size(out, (guint)(at + bound));
	size = ZSTD_compressCCtx(codec->pack, out->data + at, bound, codec->raw->data,
				 codec->raw->len, CODEC_LEVEL);
	if (ZSTD_isError(size)) {
		g_byte_array_set_size(out, (guint)at);
		return -EIO;
	}
	g_byte_array_set_size(out, (guint)(at + size));
	return 0;
}

/* What is left to read. */
struct cursor {
	const guint8 *p;
	size_t left;
};

static bool take_u64(struct cursor *in, uint64_t *ret_v)
{
	uint64_t v;

	if (in->left < sizeof(v))
		return false;
	memcpy(&v, in->p, sizeof(v));
	in->p += sizeof(v);
	in->left -= sizeof(v);
	*ret_v = GUINT64_FROM_LE(v);
	return true;
}

struct column {
	enum how how;
	unsigned width;
	uint64_t first, second;
	size_t n_words;
	const guint8 *words;
};

static bool take_column(struct cursor *in, size_t n_rows, struct column *ret)
{
	struct column c = {0};
	size_t known;

	if (!in->left)
		return false;
	c.how = *in->p >> 4;
	c.width = *in->p & 15;
	in->p++;
	in->left--;
	if (c.how > XOR || !c.width || c.width > 8 || !take_u64(in, &c.first))
		return false;
	if (c.how == TWICE && !take_u64(in, &c.second))
		return false;
	known = c.how == CONSTANT ? n_rows : c.how == TWICE ? 2 : 1;
	if (known > n_rows)
		return false;
	c.n_words = n_rows - known;
	if (c.n_words > in->left / c.width)
		return false;
	c.words = in->p;
	in->p += c.n_words * c.width;
	in->left -= c.n_words * c.width;
	*ret = c;
	return true;
}

static uint64_t word_at(const struct column *c, size_t i)
{
	uint64_t word = 0;

	for (unsigned b = 0; b < c->width; b++)
		word |= (uint64_t)c->words[b * c->n_words + i] << (8 * b);
	return word;
}

static double double_of(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void expand_xor(const struct column *c, size_t n, double *ret_values)
{
	uint64_t bits = c->first;

	for (size_t i = 0; i < n; i++) {
		if (i)
			bits ^= word_at(c, i - 1);
		ret_values[i] = double_of(bits);
	}
}

static void expand_whole(const struct column *c, size_t n, double *ret_values)
{
	double first = double_of(c->first);
	/* Unsigned: damaged bytes may overflow, which must be harmless. */
	uint64_t value = fabs(first) < EXACT ? (uint64_t)(int64_t)first : 0, step = 0;

	for (size_t i = 0; i < n; i++) {
		if (i == 1 && c->how == TWICE)
			step = (uint64_t)unzigzag(c->second);
		else if (i)
			step = (uint64_t)unzigzag(word_at(c, i - (c->how == TWICE ? 2 : 1))) +
			       (c->how == TWICE ? step : 0);
		value += step;
		ret_values[i] = (double)(int64_t)value;
	}
}

static int unpack(struct codec *codec, const void *bytes, size_t size, size_t n_rows,
		  size_t n_columns)
{
	size_t most = n_columns * (17 + 8 * n_rows), n;
	unsigned long long says = ZSTD_getFrameContentSize(bytes, size);

	if (says > most)
		return -EBADMSG;
	g_byte_array_set_size(codec->raw, (guint)says);
	n = ZSTD_decompressDCtx(codec->unpack, codec->raw->data, codec->raw->len, bytes, size);
	return ZSTD_isError(n) || n != codec->raw->len ? -EBADMSG : 0;
}

static void expand(const struct column *c, size_t n_rows, double *ret_values)
{
	if (c->how == XOR)
		expand_xor(c, n_rows, ret_values);
	else if (c->how != CONSTANT)
		expand_whole(c, n_rows, ret_values);
	else
		for (size_t i = 0; i < n_rows; i++)
			ret_values[i] = double_of(c->first);
}

int codec_decode_some(struct codec *codec, const void *bytes, size_t size, size_t n_rows,
		      size_t n_columns, const size_t *wanted, size_t n, double *const *values)
{
	struct cursor in;
	struct column c;
	size_t done = 0;
	int r;

	if (!prepare(codec, n_rows, n_columns))
		return -EBADMSG;
	r = unpack(codec, bytes, size, n_rows, n_columns);
	if (r)
		return r;
	in = (struct cursor){codec->raw->data, codec->raw->len};
	for (size_t i = 0; i < n_columns && done < n; i++) {
		if (!take_column(&in, n_rows, &c))
			return -EBADMSG;
		if (i == wanted[done])
			expand(&c, n_rows, values[done++]);
	}
	return done == n ? 0 : -EBADMSG;
}
