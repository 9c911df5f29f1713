// SPDX-License-Identifier: Apache-2.0
#include "util/text.h"

#include <glib.h>
#include <limits.h>
#include <string.h>

#define QUOTE_MAX 64
#define WORD_MAX 64

/* Append at most max characters, none of which a terminal obeys; returns what is left. */
static const char *append_clean(GString *out, const char *p, size_t max, const char *escaped)
{
	for (size_t n = 0; *p && n < max; n++) {
		gunichar c = g_utf8_get_char_validated(p, -1);

		if (c == (gunichar)-1 || c == (gunichar)-2) {
			g_string_append_printf(out, "\\x%02x", (unsigned char)*p++);
			continue;
		}
		if (c < 0x80 && strchr(escaped, c))
			g_string_append_printf(out, "\\%c", (char)c);
		else if (c == '\n')
			g_string_append(out, "\\n");
		else if (!g_unichar_isprint(c))
			g_string_append_printf(out, "\\u%04x", c);
		else
			g_string_append_unichar(out, c);
		p = g_utf8_next_char(p);
	}
	return p;
}

char *text_quote(const char *foreign)
{
	GString *out = g_string_new("\"");
	const char *left = append_clean(out, foreign, QUOTE_MAX, "\"\\");

	g_string_append(out, *left ? "...\"" : "\"");
	return g_string_free(out, FALSE);
}

char *text_path(const char *path)
{
	GString *out = g_string_new(NULL);

	append_clean(out, path, PATH_MAX, "\\");
	return g_string_free(out, FALSE);
}

/* Optimal string alignment distance of two words of at most WORD_MAX bytes. */
static unsigned distance(const char *a, size_t la, const char *b, size_t lb)
{
	unsigned d[WORD_MAX + 1][WORD_MAX + 1];

	for (size_t i = 0; i <= la; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= la; i++)
		for (size_t j = 1; j <= lb; j++) {
			unsigned change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			unsigned gap = MIN(d[i - 1][j], d[i][j - 1]) + 1;

			d[i][j] = MIN(change, gap);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = MIN(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[la][lb];
}

static const char *only_completion(const char *word, const char *const *names, size_t n)
{
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!g_str_has_prefix(names[i], word))
			continue;
		if (found)
			return NULL;
		found = names[i];
	}
	return found;
}

const char *text_nearest(const char *word, const char *const *names, size_t n)
{
	size_t len = strlen(word);
	unsigned best = len / 3 + 1;
	const char *found = NULL;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t name_len = strlen(names[i]);
		unsigned d;

		if (name_len > WORD_MAX)
			continue;
		d = distance(word, len, names[i], name_len);
		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	return found ? found : only_completion(word, names, n);
}

bool text_glob(const char *glob, const char *name)
{
	const char *star = NULL, *retry = NULL;

	while (*name) {
		if (*glob == '*') {
			star = ++glob;
			retry = name;
		} else if (*glob && (*glob == '?' || *glob == *name)) {
			glob++;
			name++;
		} else if (star) {
			glob = star;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}
