// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include "tui/frame.h"
#include "tui/display.h"

struct frame *frame_new(int width, int height, bool utf8)
{
	struct frame *frame = g_new0(struct frame, 1);

	frame->width = width;
	frame->height = height;
	frame->utf8 = utf8;
	frame->spans = g_array_new(FALSE, FALSE, sizeof(struct span));
	frame->strings = g_string_chunk_new(4096);
	frame->reverse = g_new0(bool, MAX(height, 1));
	frame->cursor_row = -1;
	frame->cursor_col = -1;
	return frame;
}

void frame_free(struct frame *frame)
{
	if (!frame)
		return;
	g_array_unref(frame->spans);
	g_string_chunk_free(frame->strings);
	g_free(frame->reverse);
	g_free(frame);
}

int frame_put(struct frame *frame, int row, int col, int width, enum tone tone, const char *text)
{
	g_autofree char *fit = NULL;
	struct span span = {.row = row, .col = col, .tone = tone};

	if (row < 0 || row >= frame->height || col < 0 || col >= frame->width)
		return 0;
	fit = display_fit(text, MIN(width, frame->width - col), frame->utf8);
	if (!*fit)
		return 0;
	span.text = g_string_chunk_insert(frame->strings, fit);
	g_array_append_val(frame->spans, span);
	return display_width(fit);
}

int frame_put_right(struct frame *frame, int row, int end, int width, enum tone tone,
		    const char *text)
{
	g_autofree char *fit = display_fit(text, width, frame->utf8);

	return frame_put(frame, row, end - display_width(fit), width, tone, fit);
}

int frame_printf(struct frame *frame, int row, int col, enum tone tone, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	return frame_put(frame, row, col, frame->width, tone, text);
}

static gint by_place(gconstpointer a, gconstpointer b)
{
	const struct span *const *x = a, *const *y = b;

	return (*x)->row == (*y)->row ? (*x)->col - (*y)->col : (*x)->row - (*y)->row;
}

/* The spans of one row (-1: of all), row by row from the left. */
static GPtrArray *spans_of(const struct frame *frame, int row)
{
	GPtrArray *spans = g_ptr_array_new();

	for (guint i = 0; i < frame->spans->len; i++) {
		struct span *span = &g_array_index(frame->spans, struct span, i);

		if (row < 0 || span->row == row)
			g_ptr_array_add(spans, span);
	}
	g_ptr_array_sort(spans, by_place);
	return spans;
}

static void end_row(GString *out, size_t start)
{
	while (out->len > start && out->str[out->len - 1] == ' ')
		g_string_truncate(out, out->len - 1);
}

static char *spans_text(const GPtrArray *spans, int row)
{
	GString *out = g_string_new(NULL);
	size_t start = 0;
	int col = 0;

	for (guint i = 0; i < spans->len; i++) {
		const struct span *span = spans->pdata[i];

		for (; row < span->row; row++) {
			end_row(out, start);
			g_string_append_c(out, '\n');
			start = out->len;
			col = 0;
		}
		for (; col < span->col; col++)
			g_string_append_c(out, ' ');
		g_string_append(out, span->text);
		col += display_width(span->text);
	}
	end_row(out, start);
	return g_string_free(out, FALSE);
}

char *frame_row_text(const struct frame *frame, int row)
{
	g_autoptr(GPtrArray) spans = spans_of(frame, row);

	return spans_text(spans, row);
}

char *frame_text(const struct frame *frame)
{
	g_autoptr(GPtrArray) spans = spans_of(frame, -1);

	return spans_text(spans, 0);
}
