// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include "tui/display.h"
#include "tui/view.h"

#define INPUT_MAX 64
#define INTERVAL_MIN_MS 100
#define INTERVAL_MAX_MS 3600000

static void set_filter(struct view *view, const char *text)
{
	g_string_assign(view->filter, text);
	view_rebuild(view);
}

static void clear_filter(struct view *view)
{
	set_filter(view, "");
}

const struct prompt_ops prompt_filter = {
	.label = "Part of the VM's name:",
	.changed = set_filter,
	.done = set_filter,
	.cancelled = clear_filter,
};

static void set_interval(struct view *view, const char *text)
{
	char *end;
	double ms = g_ascii_strtod(text, &end) * 1e3;

	if (end == text)
		return;
	if (*end || !(ms >= INTERVAL_MIN_MS && ms <= INTERVAL_MAX_MS)) {
		view_message(view, "An interval is 0.1 to 3600 seconds");
		return;
	}
	view->ask_interval_ms = (unsigned)(ms + 0.5);
	view->interval_ms = view->ask_interval_ms;
}

const struct prompt_ops prompt_interval = {
	.label = "Seconds between two ticks:",
	.done = set_interval,
};

void prompt_start(struct view *view, const struct prompt_ops *prompt, const char *text)
{
	view->prompt = prompt;
	g_string_assign(view->input, text);
}

static void finish(struct view *view, bool cancelled)
{
	const struct prompt_ops *prompt = view->prompt;
	g_autofree char *text = g_strdup(view->input->str);

	view->prompt = NULL;
	if (!cancelled)
		prompt->done(view, text);
	else if (prompt->cancelled)
		prompt->cancelled(view);
}

static void erase_char(GString *input)
{
	char *end = input->str + input->len;

	if (input->len)
		g_string_truncate(input, g_utf8_prev_char(end) - input->str);
}

void prompt_key(struct view *view, int key)
{
	if (key == VIEW_KEY_ENTER || key == '\n') {
		finish(view, false);
		return;
	}
	if (key == VIEW_KEY_ESC) {
		finish(view, true);
		return;
	}
	if (key == VIEW_KEY_BACKSPACE || key == '\b')
		erase_char(view->input);
	else if (key < VIEW_KEY_UP && g_unichar_isprint(key) && view->input->len < INPUT_MAX)
		g_string_append_unichar(view->input, key);
	if (view->prompt->changed)
		view->prompt->changed(view, view->input->str);
}

void prompt_draw(const struct view *view, struct frame *frame, int row)
{
	/* Room for the cursor behind the text; of a long text, its end counts. */
	int room = frame->width - 1;
	int col = frame_put(frame, row, 0, room / 2, TONE_STRONG, view->prompt->label);
	const char *text = view->input->str;

	col = MIN(col + 1, room);
	while (*text && display_width(text) > room - col)
		text = g_utf8_next_char(text);
	col += frame_put(frame, row, col, room - col, TONE_NORMAL, text);
	frame->cursor_row = row;
	frame->cursor_col = MIN(col, room);
}
