// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <string.h>
#include <glib.h>
#include "metric/labels.h"

/* One block: this, then the text, then the pairs and their strings. */
struct labels_block {
	struct labels labels;
	gint ref;
	guint pad; /* the pairs behind the text are pointers: keep them aligned */
	char text[];
};

static struct labels_block *block_of(struct labels *labels)
{
	return (struct labels_block *)labels;
}

/* U+FFFD stands for what may not be shown. */
static const char replacement[] = "\xef\xbf\xbd";

/* Characters that move the cursor, break a line or turn the text around. */
static bool harmful(gunichar c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static char *clean_value(const char *value)
{
	GString *out = g_string_sized_new(32);
	/* No character is longer than 6 bytes: what lies beyond is never looked at. */
	const char *end = value + strnlen(value, LABEL_VALUE_MAX + 8);

	while (value < end) {
		gunichar c = g_utf8_get_char_validated(value, end - value);
		bool bad = c == (gunichar)-1 || c == (gunichar)-2;
		size_t len = bad ? 1 : (size_t)(g_utf8_next_char(value) - value);
		bool hide = bad || harmful(c);
		size_t add = hide ? strlen(replacement) : len;

		if (out->len + add > LABEL_VALUE_MAX)
			break;
		g_string_append_len(out, hide ? replacement : value, add);
		value += len;
	}
	return g_string_free(out, FALSE);
}

/* Names with two leading underscores, le and quantile have a meaning of their own. */
static char *clean_key(const char *key)
{
	GString *out = g_string_sized_new(16);

	for (; *key && out->len < KVMLENS_NAME_MAX; key++) {
		bool underscore = out->len == 1 && out->str[0] == '_' && *key == '_';

		if ((g_ascii_isalpha(*key) || *key == '_' || (g_ascii_isdigit(*key) && out->len)) &&
		    !underscore)
			g_string_append_c(out, *key);
	}
	if (!strcmp(out->str, "le") || !strcmp(out->str, "quantile"))
		g_string_append_c(out, '_');
	return g_string_free(out, FALSE);
}

static void append_escaped(GString *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *value);
	}
}

static bool has_key(const GPtrArray *strings, const char *key)
{
	for (guint i = 0; i < strings->len; i += 2)
		if (!strcmp(strings->pdata[i], key))
			return true;
	return false;
}

static GString *render(const GPtrArray *strings)
{
	GString *text = g_string_sized_new(128);

	for (guint i = 0; i < strings->len; i += 2) {
		if (i)
			g_string_append_c(text, ',');
		g_string_append(text, strings->pdata[i]);
		g_string_append(text, "=\"");
		append_escaped(text, strings->pdata[i + 1]);
		g_string_append_c(text, '"');
	}
	return text;
}

static struct labels *pack(const GPtrArray *strings)
{
	g_autoptr(GString) text = render(strings);
	size_t text_size = (text->len / LABELS_TEXT_ALIGN + 1) * LABELS_TEXT_ALIGN;
	size_t n = strings->len / 2;
	size_t size = sizeof(struct labels_block) + text_size + n * sizeof(struct kvmlens_tag);
	struct labels_block *block;
	struct kvmlens_tag *kv;
	char *to;

	for (guint i = 0; i < strings->len; i++)
		size += strlen(strings->pdata[i]) + 1;
	block = g_malloc0(size);
	memcpy(block->text, text->str, text->len);
	kv = (struct kvmlens_tag *)(void *)(block->text + text_size);
	to = (char *)(kv + n);
	for (guint i = 0; i < n; i++) {
		kv[i].key = to;
		to = g_stpcpy(to, strings->pdata[2 * i]) + 1;
		kv[i].value = to;
		to = g_stpcpy(to, strings->pdata[2 * i + 1]) + 1;
	}
	block->ref = 1;
	block->labels = (struct labels){block->text, text->len, kv, n, g_str_hash(block->text)};
	return &block->labels;
}

struct labels *labels_new(const struct labels *base, const struct kvmlens_tag *kv, size_t n)
{
	g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; base && i < base->n; i++) {
		g_ptr_array_add(strings, g_strdup(base->kv[i].key));
		g_ptr_array_add(strings, g_strdup(base->kv[i].value));
	}
	for (size_t i = 0; i < n; i++) {
		g_autofree char *key = clean_key(kv[i].key);

		/* Two labels of one name make a whole page invalid: the first one stays. */
		if (!*key || has_key(strings, key))
			continue;
		g_ptr_array_add(strings, g_steal_pointer(&key));
		g_ptr_array_add(strings, clean_value(kv[i].value ?: ""));
	}
	return pack(strings);
}

struct labels *labels_new_one(const struct labels *base, const char *key, const char *value)
{
	return labels_new(base, &(struct kvmlens_tag){key, value}, 1);
}

struct labels *labels_ref(struct labels *labels)
{
	g_atomic_int_inc(&block_of(labels)->ref);
	return labels;
}

void labels_unref(struct labels *labels)
{
	if (labels && g_atomic_int_dec_and_test(&block_of(labels)->ref))
		g_free(labels);
}

int labels_alone(const struct labels *labels)
{
	const struct labels_block *block = (const struct labels_block *)labels;

	return g_atomic_int_get(&block->ref) == 1;
}

bool labels_equal(const struct labels *a, const struct labels *b)
{
	return a == b || (a->hash == b->hash && a->text_len == b->text_len &&
			  !memcmp(a->text, b->text, a->text_len));
}

const char *labels_get(const struct labels *labels, const char *key)
{
	for (size_t i = 0; i < labels->n; i++)
		if (!strcmp(labels->kv[i].key, key))
			return labels->kv[i].value;
	return NULL;
}
