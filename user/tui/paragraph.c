// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "tui/display.h"
#include "tui/view.h"

/* The words of text that fit into width columns, one at least; returns where the rest begins. */
static const char *take_line(const char *text, int width, size_t *ret_len)
{
	size_t len = 0;

	for (const char *p = text; *p;) {
		const char *end = p + strspn(p, " ");
		g_autofree char *line = NULL;

		end += strcspn(end, " ");
		line = g_strndup(text, end - text);
		if (len && display_width(line) > width)
			break;
		len = end - text;
		p = end;
	}
	*ret_len = len;
	text += len;
	return text + strspn(text, " ");
}

void paragraph_lines(GPtrArray *lines, const char *text, int width, int indent)
{
	g_autofree char *clean = display_clean(text, true);
	const char *rest = clean;
	int blanks = 0;

	indent = MIN(indent, width / 2);
	do {
		const char *line = rest;
		size_t len;

		rest = take_line(line, width - blanks, &len);
		g_ptr_array_add(lines, g_strdup_printf("%*s%.*s", blanks, "", (int)len, line));
		blanks = indent;
	} while (*rest);
}

int paragraph_draw(struct frame *frame, int row, int bottom, enum tone tone, const char *text)
{
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

	paragraph_lines(lines, text, frame->width, 0);
	for (guint i = 0; i < lines->len && row < bottom; i++)
		frame_put(frame, row++, 0, frame->width, tone, lines->pdata[i]);
	return row;
}
