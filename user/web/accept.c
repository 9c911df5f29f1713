// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <string.h>
#include <glib.h>
#include "web/accept.h"

/* A piece of the header, not ended by a null byte. */
struct span {
	const char *at;
	size_t len;
};

/* "type/subtype" of a media type or range, and what its parameters say. */
struct range {
	struct span name;
	struct span version; /* len 0: none */
	unsigned weight; /* thousandths */
};

static struct span trim(struct span span)
{
	while (span.len && g_ascii_isspace(*span.at)) {
		span.at++;
		span.len--;
	}
	while (span.len && g_ascii_isspace(span.at[span.len - 1]))
		span.len--;
	return span;
}

/* Cut off and return what stands before the next separator. */
static struct span next(struct span *rest, char separator)
{
	const char *end = memchr(rest->at, separator, rest->len);
	struct span piece = {rest->at, end ? (size_t)(end - rest->at) : rest->len};

	rest->at += piece.len + (end != NULL);
	rest->len -= piece.len + (end != NULL);
	return trim(piece);
}

static bool is(struct span span, const char *word)
{
	return span.len == strlen(word) && !g_ascii_strncasecmp(span.at, word, span.len);
}

static bool same(struct span a, struct span b)
{
	return a.len == b.len && !g_ascii_strncasecmp(a.at, b.at, a.len);
}

/* "1", "0.75" in thousandths; 0 for what is no weight. */
static unsigned parse_weight(struct span text)
{
	unsigned weight = 0, unit = 1000;

	for (size_t i = 0; i < text.len && unit; i++) {
		if (i == 1 && text.at[i] == '.')
			continue;
		if (!g_ascii_isdigit(text.at[i]))
			return 0;
		weight += (text.at[i] - '0') * unit;
		unit /= 10;
	}
	return MIN(weight, 1000);
}

static struct range parse_range(struct span text)
{
	struct range range = {.name = next(&text, ';'), .weight = 1000};

	while (text.len) {
		struct span value = next(&text, ';');
		struct span key = next(&value, '=');

		value = trim(value);
		if (is(key, "q"))
			range.weight = parse_weight(value);
		else if (is(key, "version"))
			range.version = value;
	}
	return range;
}

/* How closely a range names a type: 0 not at all, 1 any type, 2 any subtype, 3 this one. */
static unsigned closeness(const struct range *range, const struct range *type)
{
	const char *slash = memchr(type->name.at, '/', type->name.len);
	size_t prefix = slash ? (size_t)(slash - type->name.at) + 1 : 0;

	if (is(range->name, "*/*"))
		return 1;
	if (range->version.len && !same(range->version, type->version))
		return 0;
	if (same(range->name, type->name))
		return 3;
	return prefix && range->name.len == prefix + 1 && range->name.at[prefix] == '*' &&
			       !g_ascii_strncasecmp(range->name.at, type->name.at, prefix)
		       ? 2
		       : 0;
}

/* The weight that the closest range gives to a type. */
static unsigned weight_of(const char *header, const char *type_text)
{
	struct range type = parse_range((struct span){type_text, strlen(type_text)});
	struct span rest = {header, strlen(header)};
	unsigned closest = 0, weight = 0;

	while (rest.len) {
		struct range range = parse_range(next(&rest, ','));
		unsigned close = closeness(&range, &type);

		if (close > closest || (close && close == closest && range.weight > weight)) {
			closest = close;
			weight = range.weight;
		}
	}
	return weight;
}

size_t accept_choose(const char *header, const char *const *types, size_t n)
{
	unsigned best_weight = 0;
	size_t best = 0;

	for (size_t i = 0; header && i < n; i++) {
		unsigned weight = weight_of(header, types[i]);

		if (weight > best_weight) {
			best_weight = weight;
			best = i;
		}
	}
	return best;
}
