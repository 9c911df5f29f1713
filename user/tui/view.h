/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the live view: what is shown, where the cursor is, what the user asked for. It
 * takes snapshots and keys and gives frames; it does no input or output.
 */
#ifndef KVMLENS_TUI_VIEW_H
#define KVMLENS_TUI_VIEW_H

#include <glib.h>
#include "metric/model.h"
#include "tui/frame.h"
#include "tui/row.h"
#include "tui/top.h"

/* A key is a character's code point, or one of these beyond Unicode. */
enum view_key {
	VIEW_KEY_ESC = 0x1b,
	VIEW_KEY_ENTER = '\r',
	VIEW_KEY_BACKSPACE = 0x7f,
	VIEW_KEY_UP = 0x110000,
	VIEW_KEY_DOWN,
	VIEW_KEY_LEFT,
	VIEW_KEY_RIGHT,
	VIEW_KEY_PAGE_UP,
	VIEW_KEY_PAGE_DOWN,
	VIEW_KEY_HOME,
	VIEW_KEY_END,
};

struct view;

/* One screen of the view: the table, the help, ... Both functions are called for the shown one. */
struct screen_ops {
	const char *name;
	void (*draw)(struct view *view, struct frame *frame);
	/* True when the key meant something; otherwise the keys that every screen has are tried. */
	bool (*key)(struct view *view, int key);
};

extern const struct screen_ops screen_table;
extern const struct screen_ops screen_help;

struct prompt_ops;
struct why_window;

struct view {
	const struct kvmlens_snapshot *snapshot; /* counted; NULL before the first tick */
	uint64_t now_ns; /* CLOCK_MONOTONIC when it is drawn, 0: ages do not matter */
	unsigned interval_ms;
	const struct screen_ops *screen;

	struct row_spec spec;
	GString *filter;
	GArray *rows; /* struct row of snapshot */
	guint cursor; /* a row; 0 when there is none */
	bool follow; /* the cursor stays on its VM when rows move; else it stays where it is */
	guint first; /* row at the top of the screen */
	guint page; /* rows on the screen when it was last drawn */
	int width; /* of the screen when it was last drawn */
	guint scroll; /* of screens other than the table: lines above the screen */

	char *wanted; /* a VM to show alone as soon as it is there, NULL: none */
	struct vm_ident *shown; /* the VM that screen_vm shows, counted; NULL: none */
	struct why_window *window; /* the last minute of it */

	const struct prompt_ops *prompt; /* a line is being typed; NULL: keys are commands */
	GString *input;
	char *message; /* until the next key or a few ticks later, NULL: none */
	unsigned message_ticks; /* that it has been shown for */

	uint64_t lost, lost_at_ns; /* events lost so far, and the snapshot's time of the last */
	bool losing; /* something was lost lately */
	bool marks; /* critical values get a '!', for terminals without colours */
	bool plain; /* the whole table as text: no cursor, no keys */
	bool frozen;
	bool quit, redraw, suspend; /* asked for; the caller acts and clears */
	bool can_level, can_interval;
	int ask_level; /* enum kvmlens_level asked for, -1: none; the caller clears it */
	unsigned ask_interval_ms; /* 0: none */
};

/* NULL: options->sort names no column. */
struct view *view_new(const struct top_options *options);
void view_free(struct view *view);

/* Show this snapshot from now on; takes the caller's reference. */
void view_set_snapshot(struct view *view, const struct kvmlens_snapshot *snapshot);

void view_key(struct view *view, int key);
/* The keys of a screen that is longer than the terminal: view->scroll. */
bool view_scroll_key(struct view *view, int key);
void view_draw(struct view *view, struct frame *frame);

/* The row under the cursor, or NULL. */
const struct row *view_row(const struct view *view);

/* Order and filter anew after a change of spec; the cursor stays on its VM. */
void view_rebuild(struct view *view);

/* Move the cursor by step rows, not beyond the ends. */
void view_move(struct view *view, int step);

void view_message(struct view *view, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Read a line from the user at the bottom of the screen. */
struct prompt_ops {
	const char *label;
	/* The text as it is now, after each key; NULL: nothing to do. */
	void (*changed)(struct view *view, const char *text);
	void (*done)(struct view *view, const char *text);
	void (*cancelled)(struct view *view);
};

void prompt_start(struct view *view, const struct prompt_ops *prompt, const char *text);
void prompt_key(struct view *view, int key);
void prompt_draw(const struct view *view, struct frame *frame, int row);
extern const struct prompt_ops prompt_filter;
extern const struct prompt_ops prompt_interval;

/* Draw the lines above every screen; returns the first free row. */
int header_draw(const struct view *view, struct frame *frame);

/* Rows that prompt, message or key hints take at the bottom: one, or none where room is short. */
int footer_rows(const struct view *view, const struct frame *frame);
void footer_draw(const struct view *view, struct frame *frame);

/* Add text to lines (of char *), broken at blanks; lines after the first begin with blanks. */
void paragraph_lines(GPtrArray *lines, const char *text, int width, int indent);

/* Draw a paragraph into the rows from row up to bottom; returns the row after it. */
int paragraph_draw(struct frame *frame, int row, int bottom, enum tone tone, const char *text);

#endif
