/* SPDX-License-Identifier: Apache-2.0 */
/* What a screen shows, as data: spans of text with a tone. Nothing here knows a terminal. */
#ifndef KVMLENS_TUI_FRAME_H
#define KVMLENS_TUI_FRAME_H

#include <glib.h>
#include <stdbool.h>

/* What a text means; the terminal's side chooses colours, or bold and marks without colours. */
enum tone {
	TONE_NORMAL,
	TONE_DIM,
	TONE_STRONG,
	TONE_KEY, /* a key to press */
	TONE_WARN,
	TONE_CRIT,
	TONE_MAX,
};

struct span {
	int row, col;
	enum tone tone;
	const char *text; /* clean, owned by the frame */
};

struct frame {
	int width, height;
	bool utf8; /* characters beyond ASCII can be shown */
	GArray *spans; /* struct span, in the order they were added */
	GStringChunk *strings;
	bool *reverse; /* rows shown in reverse video */
	int cursor_row, cursor_col; /* -1: hidden */
};

struct frame *frame_new(int width, int height, bool utf8);
void frame_free(struct frame *frame);

/*
 * Put text, cleaned and cut to at most width columns (with an ellipsis in its middle), at a
 * place. Whatever lies outside of the frame is dropped. Returns the columns taken.
 */
int frame_put(struct frame *frame, int row, int col, int width, enum tone tone, const char *text);

/* The same, ending at column end (exclusive). */
int frame_put_right(struct frame *frame, int row, int end, int width, enum tone tone,
		    const char *text);

/* printf to the frame's right edge. */
int frame_printf(struct frame *frame, int row, int col, enum tone tone, const char *format, ...)
	G_GNUC_PRINTF(5, 6);

/* One row, or all down to the last that is not empty, as text without trailing blanks. */
char *frame_row_text(const struct frame *frame, int row);
char *frame_text(const struct frame *frame);

#endif
