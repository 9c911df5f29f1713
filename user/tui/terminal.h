/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal: paints frames and reads keys, by ncurses. */
#ifndef KVMLENS_TUI_TERMINAL_H
#define KVMLENS_TUI_TERMINAL_H

#include <stdbool.h>
#include "tui/frame.h"

struct terminal;

/* Does the locale of the environment speak UTF-8? Sets LC_CTYPE from it. */
bool terminal_utf8(void);

/*
 * Take over the terminal at standard input and output. -ENOTTY: there is none; -ENOTSUP: its type
 * is unknown or cannot move the cursor. Colours are used unless NO_COLOR is set.
 */
int terminal_open(struct terminal **ret_terminal);

/* Give the terminal back as it was. */
void terminal_close(struct terminal *terminal);

bool terminal_has_colours(const struct terminal *terminal);
void terminal_size(const struct terminal *terminal, int *ret_width, int *ret_height);
void terminal_paint(struct terminal *terminal, const struct frame *frame);

/*
 * The next key that was pressed (enum view_key), TERMINAL_KEY_RESIZE when the size has changed,
 * TERMINAL_KEY_NONE when nothing happened. Never waits.
 */
#define TERMINAL_KEY_NONE (-1)
#define TERMINAL_KEY_RESIZE (-2)
int terminal_key(struct terminal *terminal);

/* Paint everything anew with the next frame. */
void terminal_redraw(struct terminal *terminal);

/* Give the terminal back, stop this process until it is continued, take the terminal again. */
void terminal_suspend(struct terminal *terminal);

#endif
