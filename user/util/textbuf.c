// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <stdarg.h>
#include "util/textbuf.h"

#define FIRST_SIZE 4096

void textbuf_clear(struct textbuf *buf)
{
	g_free(buf->data);
	*buf = (struct textbuf){0};
}

void textbuf_grow(struct textbuf *buf, size_t n)
{
	buf->size = MAX(buf->size * 2, MAX(buf->len + n, FIRST_SIZE));
	buf->data = g_realloc(buf->data, buf->size);
}

void textbuf_append_len(struct textbuf *buf, const char *text, size_t n)
{
	textbuf_commit(buf, text_copy(textbuf_reserve(buf, n), text, n));
}

void textbuf_printf(struct textbuf *buf, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	textbuf_append(buf, text);
}

void textbuf_append_json(struct textbuf *buf, const char *text)
{
	/* The longest escape of one byte has 6. */
	char *p = textbuf_reserve(buf, 6 * strlen(text) + 2);

	*p++ = '"';
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\') {
			*p++ = '\\';
			*p++ = c;
		} else if (c < 0x20) {
			p = text_copy(p, "\\u00", 4);
			*p++ = "0123456789abcdef"[c >> 4];
			*p++ = "0123456789abcdef"[c & 15];
		} else {
			*p++ = c;
		}
	}
	*p++ = '"';
	textbuf_commit(buf, p);
}

static const char pairs[201] = "00010203040506070809"
			       "10111213141516171819"
			       "20212223242526272829"
			       "30313233343536373839"
			       "40414243444546474849"
			       "50515253545556575859"
			       "60616263646566676869"
			       "70717273747576777879"
			       "80818283848586878889"
			       "90919293949596979899";

static unsigned count_digits(uint64_t value)
{
	unsigned n = 1;

	for (;; value /= 10000, n += 4) {
		if (value < 10)
			return n;
		if (value < 100)
			return n + 1;
		if (value < 1000)
			return n + 2;
		if (value < 10000)
			return n + 3;
	}
}

char *text_u64(char *to, uint64_t value)
{
	char *end = to + count_digits(value), *p = end;

	for (; value >= 100; value /= 100) {
		p -= 2;
		memcpy(p, pairs + 2 * (value % 100), 2);
	}
	if (value >= 10)
		memcpy(p - 2, pairs + 2 * value, 2);
	else
		p[-1] = '0' + value;
	return end;
}

/* Two independent halves, so that the processor works on both at once. */
static inline void put_8(char *to, uint32_t value)
{
	uint32_t high = value / 10000, low = value % 10000;

	memcpy(to, pairs + 2 * (high / 100), 2);
	memcpy(to + 2, pairs + 2 * (high % 100), 2);
	memcpy(to + 4, pairs + 2 * (low / 100), 2);
	memcpy(to + 6, pairs + 2 * (low % 100), 2);
}

/* Exactly nine digits. */
static inline char *put_nano(char *to, uint32_t nano)
{
	*to = '0' + nano / 100000000;
	put_8(to + 1, nano % 100000000);
	return to + 9;
}

char *text_seconds(char *to, uint64_t ns)
{
	uint32_t nano = ns % 1000000000;

	to = text_u64(to, ns / 1000000000);
	if (!nano)
		return to;
	*to++ = '.';
	return put_nano(to, nano);
}

/* The whole part and the rest apart: both are exact, where their product by 1e9 would not be. */
static char *put_fixed(char *to, double size)
{
	uint64_t whole = size;
	uint32_t nano = (size - whole) * 1e9 + 0.5;

	if (nano == 1000000000) {
		whole++;
		nano = 0;
	}
	to = text_u64(to, whole);
	if (!nano)
		return to;
	*to++ = '.';
	to = put_nano(to, nano);
	while (to[-1] == '0')
		to--;
	return to;
}

char *text_double(char *to, double value)
{
	double size = fabs(value);

	if (isnan(value))
		return g_stpcpy(to, "NaN");
	if (isinf(value))
		return g_stpcpy(to, value > 0 ? "+Inf" : "-Inf");
	/* Nine digits behind the point must keep at least six significant ones. */
	if (size == 0 || (size >= 1e-3 && size < 1e9)) {
		if (value < 0)
			*to++ = '-';
		return put_fixed(to, size);
	}
	g_ascii_formatd(to, TEXT_NUMBER_MAX, "%.17g", value);
	return to + strlen(to);
}
