/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign text made fit for a terminal: by display width, with nothing that steers it. */
#ifndef KVMLENS_TUI_DISPLAY_H
#define KVMLENS_TUI_DISPLAY_H

#include <glib.h>
#include <stdbool.h>

/* Columns that a character takes: 0, 1 or 2. */
int display_char_width(gunichar c);

/* Columns of a valid UTF-8 string. */
int display_width(const char *text);

/*
 * A copy without anything a terminal could obey: control and formatting characters, bytes that
 * are no UTF-8, and (utf8 false) whatever is not ASCII become '?'. Of the marks that combine
 * with a character two are kept.
 */
char *display_clean(const char *text, bool utf8);

/*
 * A clean copy of at most width columns; what is longer loses its middle to an ellipsis (to '~'
 * where utf8 is false).
 */
char *display_fit(const char *text, int width, bool utf8);

/* A clean copy of at most width columns, what is longer cut behind a word and marked with "...". */
char *display_fit_words(const char *text, int width, bool utf8);

/* A value in at most 5 columns, "-" for NAN. */
void display_percent(double percent, char *buf, size_t size);
void display_rate(double per_second, char *buf, size_t size);
void display_count(double n, char *buf, size_t size);
/* In at most 7 columns, with its unit. */
void display_ms(double ms, char *buf, size_t size);

#endif
