/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that is written fast: room is reserved once for a line, and what writes into it returns
 * the new end. No number here depends on the locale. Short of memory, GLib ends the process.
 */
#ifndef KVMLENS_UTIL_TEXTBUF_H
#define KVMLENS_UTIL_TEXTBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <glib.h>

/* Bytes that any text_ function may write. */
#define TEXT_NUMBER_MAX 32

/* Zero-initialised it is empty. The text is not ended by a null byte. */
struct textbuf {
	char *data;
	size_t len, size;
};

void textbuf_clear(struct textbuf *buf);

/* A local one that is cleared at the end of its block. */
#define textbuf_auto __attribute__((cleanup(textbuf_clear))) struct textbuf

/* Make room for n more bytes behind len; slow path of textbuf_reserve. */
void textbuf_grow(struct textbuf *buf, size_t n);

/* Where to write, with room for n bytes. Write, then textbuf_commit() the end. */
static inline char *textbuf_reserve(struct textbuf *buf, size_t n)
{
	if (G_UNLIKELY(buf->size - buf->len < n))
		textbuf_grow(buf, n);
	return buf->data + buf->len;
}

static inline void textbuf_commit(struct textbuf *buf, const char *end)
{
	buf->len = end - buf->data;
}

static inline char *text_copy(char *to, const char *from, size_t n)
{
	memcpy(to, from, n);
	return to + n;
}

void textbuf_append_len(struct textbuf *buf, const char *text, size_t n);

static inline void textbuf_append(struct textbuf *buf, const char *text)
{
	textbuf_append_len(buf, text, strlen(text));
}

void textbuf_printf(struct textbuf *buf, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* text in quotes, as a JSON string; it must be valid UTF-8. */
void textbuf_append_json(struct textbuf *buf, const char *text);

/* Decimal digits of value. */
char *text_u64(char *to, uint64_t value);

/* Nanoseconds as seconds, exactly: 1, 0.5 is written as 0.500000000. */
char *text_seconds(char *to, uint64_t ns);

/*
 * A double with 9 digits behind the point where it is of usual size, with 17 significant ones
 * else; "+Inf", "-Inf", "NaN".
 */
char *text_double(char *to, double value);

#endif
