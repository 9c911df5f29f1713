// SPDX-License-Identifier: Apache-2.0
/* The screen with keys and columns explained, made from the tables that implement them. */
#include <stdarg.h>
#include "tui/column.h"
#include "tui/health.h"
#include "tui/view.h"

#define KEY_WIDTH 17
#define INDENT (KEY_WIDTH + 3)

struct help_line {
	const char *key; /* NULL: a heading */
	const char *what;
};

static const struct help_line keys[] = {
	{NULL, "Keys"},
	{"q", "quit"},
	{"Up Down PgUp PgDn", "move; Home and End go to the ends"},
	{"Enter, Space", "show or hide a VM's vCPUs and other threads; also Right and Left"},
	{"e", "show or hide those of every VM"},
	{"w", "one VM: what it is short of and why, who takes it, stalls, its processes"},
	{"< >", "sort by the column to the left or right; or by a column's letter, see below"},
	{"r", "reverse the order"},
	{"/", "show only VMs with this in their name, or like db-*; Esc shows all"},
	{"a", "percentages: average over a VM's vCPUs (0-100), or their sum as in esxtop"},
	{"+ -", "more or less detail"},
	{"s", "seconds between two ticks"},
	{"p", "freeze the screen, and go on"},
	{"? h", "this help"},
	{NULL, " "},
	{NULL, "Columns, each with the letter that sorts by it"},
};

static G_GNUC_PRINTF(3, 4) void add(GPtrArray *lines, int width, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	paragraph_lines(lines, text, width, INDENT);
}

static void add_missing(GPtrArray *lines, int width, const struct kvmlens_snapshot *snapshot)
{
	g_autoptr(GPtrArray) missing = health_missing(snapshot);

	if (!missing->len)
		return;
	add(lines, width, " ");
	add(lines, width, "Not in use on this host (see kvmlens doctor)");
	for (guint i = 0; i < missing->len; i++)
		add(lines, width, "  %s", (char *)missing->pdata[i]);
}

static void add_losses(GPtrArray *lines, int width, const struct kvmlens_snapshot *snapshot)
{
	g_autofree char *losses = health_losses(snapshot);

	if (!losses)
		return;
	add(lines, width, " ");
	add(lines, width, "Numbers may be incomplete");
	add(lines, width, "  %s", losses);
}

static GPtrArray *help_lines(const struct view *view, int width)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (keys[i].key)
			add(lines, width, "  %-*s %s", KEY_WIDTH, keys[i].key, keys[i].what);
		else
			add(lines, width, "%s", keys[i].what);
	}
	for (size_t i = 0; i < n_columns; i++)
		add(lines, width, "  %c  %-*s %s", columns[i].key, KEY_WIDTH - 3, columns[i].title,
		    columns[i].help);
	add(lines, width, " ");
	add(lines, width, "Percentages are of wall time. \"-\" is a value that nobody knows.");
	if (view->snapshot) {
		add_missing(lines, width, view->snapshot);
		add_losses(lines, width, view->snapshot);
	}
	return lines;
}

static void help_draw(struct view *view, struct frame *frame)
{
	g_autoptr(GPtrArray) lines = help_lines(view, frame->width);
	guint page = MAX(frame->height - 1, 1);
	guint last = lines->len > page ? lines->len - page : 0;

	view->page = page;
	view->scroll = MIN(view->scroll, last);
	for (guint i = 0; i < page && view->scroll + i < lines->len; i++) {
		const char *line = lines->pdata[view->scroll + i];

		frame_put(frame, i, 0, frame->width,
			  g_ascii_isupper(*line) ? TONE_STRONG : TONE_NORMAL, line);
	}
	if (frame->height > 1)
		frame_put(frame, frame->height - 1, 0, frame->width, TONE_KEY,
			  last ? "Up and Down scroll, q goes back" : "q goes back");
}

static bool help_key(struct view *view, int key)
{
	if (view_scroll_key(view, key))
		return true;
	switch (key) {
	case 'q':
	case 'h':
	case '?':
	case VIEW_KEY_ESC:
	case VIEW_KEY_ENTER:
		view->screen = &screen_table;
		return true;
	}
	return false;
}

const struct screen_ops screen_help = {
	.name = "help",
	.draw = help_draw,
	.key = help_key,
};
