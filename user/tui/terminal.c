// SPDX-License-Identifier: Apache-2.0
#include <curses.h>
#include <errno.h>
#include <glib.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tui/terminal.h"
#include "tui/view.h"

/* After an escape character: is it a key's sequence or the key Esc? */
#define ESC_DELAY_MS 25

struct terminal {
	SCREEN *screen;
	bool colours;
};

bool terminal_utf8(void)
{
	setlocale(LC_CTYPE, "");
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* newterm() takes terminals that can only write line after line. */
static bool moves_cursor(void)
{
	const char *cup = tigetstr("cup");

	return cup && cup != (const char *)-1;
}

static bool init_colours(void)
{
	const char *no = getenv("NO_COLOR");

	if ((no && *no) || !has_colors() || start_color() == ERR)
		return false;
	use_default_colors();
	init_pair(TONE_KEY, COLOR_CYAN, -1);
	init_pair(TONE_WARN, COLOR_YELLOW, -1);
	init_pair(TONE_CRIT, COLOR_RED, -1);
	return true;
}

int terminal_open(struct terminal **ret_terminal)
{
	struct terminal *terminal;
	SCREEN *screen;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return -ENOTTY;
	/* Unlike initscr(), it does not exit when it fails. */
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return -ENOTSUP;
	if (!moves_cursor()) {
		endwin();
		delscreen(screen);
		return -ENOTSUP;
	}
	terminal = g_new0(struct terminal, 1);
	terminal->screen = screen;
	terminal->colours = init_colours();
	raw();
	noecho();
	nonl();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(ESC_DELAY_MS);
	curs_set(0);
	*ret_terminal = terminal;
	return 0;
}

void terminal_close(struct terminal *terminal)
{
	if (!terminal)
		return;
	endwin();
	delscreen(terminal->screen);
	g_free(terminal);
}

bool terminal_has_colours(const struct terminal *terminal)
{
	return terminal->colours;
}

void terminal_size(const struct terminal *terminal, int *ret_width, int *ret_height)
{
	getmaxyx(stdscr, *ret_height, *ret_width);
}

static attr_t tone_attr(const struct terminal *terminal, enum tone tone)
{
	static const attr_t plain[TONE_MAX] = {
		[TONE_DIM] = A_DIM,   [TONE_STRONG] = A_BOLD, [TONE_KEY] = A_BOLD,
		[TONE_WARN] = A_BOLD, [TONE_CRIT] = A_BOLD,
	};
	static const attr_t coloured[TONE_MAX] = {
		[TONE_DIM] = A_DIM,
		[TONE_STRONG] = A_BOLD,
		[TONE_CRIT] = A_BOLD,
	};

	if (!terminal->colours)
		return plain[tone];
	return coloured[tone] | (tone >= TONE_KEY ? COLOR_PAIR(tone) : 0);
}

void terminal_paint(struct terminal *terminal, const struct frame *frame)
{
	erase();
	for (int row = 0; row < frame->height; row++) {
		if (frame->reverse[row])
			mvhline(row, 0, ' ' | A_REVERSE, frame->width);
	}
	for (guint i = 0; i < frame->spans->len; i++) {
		const struct span *span = &g_array_index(frame->spans, struct span, i);
		attr_t reverse = frame->reverse[span->row] ? A_REVERSE : 0;

		attrset(tone_attr(terminal, span->tone) | reverse);
		mvaddstr(span->row, span->col, span->text);
	}
	attrset(A_NORMAL);
	curs_set(frame->cursor_row >= 0);
	if (frame->cursor_row >= 0)
		move(frame->cursor_row, frame->cursor_col);
	refresh();
}

static int special_key(wint_t code)
{
	static const struct {
		wint_t code;
		int key;
	} map[] = {
		{KEY_UP, VIEW_KEY_UP},
		{KEY_DOWN, VIEW_KEY_DOWN},
		{KEY_LEFT, VIEW_KEY_LEFT},
		{KEY_RIGHT, VIEW_KEY_RIGHT},
		{KEY_PPAGE, VIEW_KEY_PAGE_UP},
		{KEY_NPAGE, VIEW_KEY_PAGE_DOWN},
		{KEY_HOME, VIEW_KEY_HOME},
		{KEY_END, VIEW_KEY_END},
		{KEY_BACKSPACE, VIEW_KEY_BACKSPACE},
		{KEY_ENTER, VIEW_KEY_ENTER},
		{KEY_RESIZE, TERMINAL_KEY_RESIZE},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(map); i++) {
		if (map[i].code == code)
			return map[i].key;
	}
	return TERMINAL_KEY_NONE;
}

int terminal_key(struct terminal *terminal)
{
	wint_t code;

	for (;;) {
		int ret = get_wch(&code);
		int key;

		if (ret == ERR)
			return TERMINAL_KEY_NONE;
		key = ret == KEY_CODE_YES ? special_key(code) : (int)code;
		/* A key that means nothing here must not hide those behind it. */
		if (key != TERMINAL_KEY_NONE)
			return key;
	}
}

void terminal_redraw(struct terminal *terminal)
{
	clearok(curscr, TRUE);
}

void terminal_suspend(struct terminal *terminal)
{
	endwin();
	raise(SIGSTOP);
	clearok(curscr, TRUE);
}
