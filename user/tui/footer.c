// SPDX-License-Identifier: Apache-2.0
#include "tui/display.h"
#include "tui/view.h"

/* Below this height every row is for the table. */
#define HINTS_FROM 8

static const struct {
	const char *key, *what;
} hints[] = {
	{"q", "quit"},	 {"?", "help"},	       {"Enter", "vCPUs"},  {"w", "why"},
	{"/", "filter"}, {"< >", "sort"},      {"+ -", "detail"},   {"s", "interval"},
	{"p", "freeze"}, {"a", "sum/average"}, {"e", "expand all"},
};

static void draw_hints(struct frame *frame, int row, int width)
{
	int col = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(hints); i++) {
		int need = display_width(hints[i].key) + 1 + display_width(hints[i].what);

		if (col + need > width)
			break;
		col += frame_put(frame, row, col, need, TONE_KEY, hints[i].key) + 1;
		col += frame_put(frame, row, col, need, TONE_DIM, hints[i].what) + 2;
	}
}

/* Where in a table that is longer than the screen are we? Returns the columns it takes. */
static int draw_position(const struct view *view, struct frame *frame, int row)
{
	g_autofree char *text = NULL;
	guint last = MIN(view->first + view->page, view->rows->len);

	if (view->screen != &screen_table || !view->page || view->rows->len <= view->page)
		return 0;
	text = g_strdup_printf("%u-%u of %u", view->first + 1, last, view->rows->len);
	return frame_put_right(frame, row, frame->width, frame->width / 3, TONE_NORMAL, text) + 2;
}

int footer_rows(const struct view *view, const struct frame *frame)
{
	if (view->plain)
		return 0;
	return view->prompt || view->message || frame->height >= HINTS_FROM;
}

void footer_draw(const struct view *view, struct frame *frame)
{
	int row = frame->height - 1;

	if (!footer_rows(view, frame))
		return;
	if (view->prompt)
		prompt_draw(view, frame, row);
	else if (view->message)
		frame_put(frame, row, 0, frame->width, TONE_STRONG, view->message);
	else
		draw_hints(frame, row, frame->width - draw_position(view, frame, row));
}
