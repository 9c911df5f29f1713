/* SPDX-License-Identifier: Apache-2.0 */
/* Immutable, counted label sets, rendered once for the text formats. */
#ifndef KVMLENS_METRIC_LABELS_H
#define KVMLENS_METRIC_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <kvmlens.h>

/* Bytes of a label's value after cleaning; longer ones are cut at a character's boundary. */
#define LABEL_VALUE_MAX 128

/* A label set's text may be read, and so copied, in whole pieces of this many bytes. */
#define LABELS_TEXT_ALIGN 32

struct labels {
	const char *text; /* k="v",k="v" with the escapes of the Prometheus text format, padded */
	size_t text_len;
	const struct kvmlens_tag *kv; /* cleaned, not escaped */
	size_t n;
	uint32_t hash; /* of the text */
};

/*
 * base's labels (may be NULL) followed by n more. Each value is made valid UTF-8 without control
 * characters and bounded; a key that is no label name loses its bad characters, and a pair whose
 * key is empty then, or there already, is left out. Never NULL.
 */
struct labels *labels_new(const struct labels *base, const struct kvmlens_tag *kv, size_t n);
struct labels *labels_new_one(const struct labels *base, const char *key, const char *value);
struct labels *labels_ref(struct labels *labels);
void labels_unref(struct labels *labels);

/* Has nobody a reference but the caller? */
int labels_alone(const struct labels *labels);

/* Are they the same set in the same order, which makes the same series? */
bool labels_equal(const struct labels *a, const struct labels *b);

/* The value of key, or NULL. Lives as long as labels. */
const char *labels_get(const struct labels *labels, const char *key);

#endif
