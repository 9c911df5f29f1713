// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "tui/display.h"

#define MARKS_MAX 2

int display_char_width(gunichar c)
{
	if (g_unichar_iszerowidth(c))
		return 0;
	return g_unichar_iswide(c) ? 2 : 1;
}

int display_width(const char *text)
{
	int width = 0;

	for (; *text; text = g_utf8_next_char(text))
		width += display_char_width(g_utf8_get_char(text));
	return width;
}

/* One character of untrusted bytes; sets what it may be shown as and returns its length. */
static size_t clean_char(const char *text, size_t left, bool utf8, gunichar *ret_c)
{
	gunichar c = g_utf8_get_char_validated(text, left);

	if (c == (gunichar)-1 || c == (gunichar)-2) {
		*ret_c = '?';
		return 1;
	}
	*ret_c = g_unichar_isprint(c) && (utf8 || c < 0x80) ? c : '?';
	return g_unichar_to_utf8(c, NULL);
}

char *display_clean(const char *text, bool utf8)
{
	GString *out = g_string_new(NULL);
	size_t left = strlen(text);
	int marks = MARKS_MAX;
	gunichar c;

	while (left > 0) {
		size_t len = clean_char(text, left, utf8, &c);

		text += len;
		left -= len;
		marks = display_char_width(c) ? 0 : marks + 1;
		if (marks <= MARKS_MAX)
			g_string_append_unichar(out, c);
	}
	return g_string_free(out, FALSE);
}

/* The longest head of text within width columns, marks that combine with its end included. */
static const char *head_end(const char *text, int width)
{
	for (; *text; text = g_utf8_next_char(text)) {
		width -= display_char_width(g_utf8_get_char(text));
		if (width < 0)
			break;
	}
	return text;
}

/* The longest tail within width columns. */
static const char *tail_start(const char *text, int width)
{
	const char *start = text + strlen(text);
	const char *p = start;

	while (p > text) {
		int w;

		p = g_utf8_prev_char(p);
		w = display_char_width(g_utf8_get_char(p));
		width -= w;
		if (width < 0)
			break;
		/* A mark alone would combine with the ellipsis. */
		if (w > 0)
			start = p;
	}
	return start;
}

char *display_fit(const char *text, int width, bool utf8)
{
	g_autofree char *clean = display_clean(text, utf8);
	int head;

	if (width <= 0)
		return g_strdup("");
	if (display_width(clean) <= width)
		return g_steal_pointer(&clean);
	head = width / 2;
	return g_strdup_printf("%.*s%s%s", (int)(head_end(clean, head) - clean), clean,
			       utf8 ? "…" : "~", tail_start(clean, width - 1 - head));
}

char *display_fit_words(const char *text, int width, bool utf8)
{
	g_autofree char *clean = display_clean(text, utf8);
	const char *mark = " ...", *end = NULL;

	if (display_width(clean) <= width)
		return g_steal_pointer(&clean);
	for (const char *p = strchr(clean, ' '); p; p = strchr(p + 1, ' ')) {
		g_autofree char *head = g_strndup(clean, p - clean);

		if (display_width(head) + (int)strlen(mark) > width)
			break;
		end = p;
	}
	if (!end)
		return display_fit(text, width, utf8);
	/* A comma before the mark says nothing. */
	while (end > clean && strchr(",:;", end[-1]))
		end--;
	return g_strdup_printf("%.*s%s", (int)(end - clean), clean, mark);
}

void display_percent(double percent, char *buf, size_t size)
{
	if (isnan(percent))
		g_strlcpy(buf, "-", size);
	else
		snprintf(buf, size, percent < 999.95 ? "%.1f" : "%.0f", percent);
}

void display_rate(double per_second, char *buf, size_t size)
{
	if (isnan(per_second))
		g_strlcpy(buf, "-", size);
	else if (per_second < 99.95)
		snprintf(buf, size, "%.1f", per_second);
	else if (per_second < 99999.5)
		snprintf(buf, size, "%.0f", per_second);
	else if (per_second < 999.5e3)
		snprintf(buf, size, "%.0fk", per_second / 1e3);
	else
		snprintf(buf, size, per_second < 99.95e6 ? "%.1fM" : "%.0fM", per_second / 1e6);
}

void display_count(double n, char *buf, size_t size)
{
	if (isnan(n))
		g_strlcpy(buf, "-", size);
	else
		snprintf(buf, size, "%.0f", n);
}

void display_ms(double ms, char *buf, size_t size)
{
	if (isnan(ms))
		g_strlcpy(buf, "-", size);
	else if (ms < 0.9995)
		snprintf(buf, size, "%.0fus", ms * 1e3);
	else if (ms < 999.95)
		snprintf(buf, size, ms < 99.95 ? "%.1fms" : "%.0fms", ms);
	else
		snprintf(buf, size, "%.2fs", ms / 1e3);
}
