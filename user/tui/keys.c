// SPDX-License-Identifier: Apache-2.0
/* The keys that every screen has. */
#include "tui/view.h"

#define CTRL(c) ((c)&0x1f)

static void step_level(struct view *view, int step)
{
	int level;

	if (!view->snapshot)
		return;
	if (!view->can_level) {
		view_message(view, "The detail level cannot be changed from here");
		return;
	}
	level = (view->ask_level >= 0 ? view->ask_level : (int)view->snapshot->level) + step;
	if (level < KVMLENS_BASIC || level > KVMLENS_DIAGNOSTIC) {
		view_message(view, "There is no %s detail level", step > 0 ? "higher" : "lower");
		return;
	}
	view->ask_level = level;
	view_message(view, "Another detail level comes with the next tick");
}

static void ask_interval(struct view *view)
{
	if (view->can_interval)
		prompt_start(view, &prompt_interval, "");
	else
		view_message(view, "The interval cannot be changed from here");
}

static void common_key(struct view *view, int key)
{
	switch (key) {
	case 'q':
	case CTRL('c'):
		view->quit = true;
		break;
	case CTRL('l'):
		view->redraw = true;
		break;
	case CTRL('z'):
		view->suspend = true;
		break;
	case '?':
	case 'h':
		view->scroll = 0;
		view->screen = &screen_help;
		break;
	case 'p':
		view->frozen = !view->frozen;
		break;
	case '+':
	case '=':
		step_level(view, 1);
		break;
	case '-':
		step_level(view, -1);
		break;
	case 's':
		ask_interval(view);
		break;
	}
}

bool view_scroll_key(struct view *view, int key)
{
	guint page = MAX(view->page, 2) - 1;

	switch (key) {
	case VIEW_KEY_UP:
	case 'k':
		view->scroll -= view->scroll > 0;
		return true;
	case VIEW_KEY_DOWN:
	case 'j':
		view->scroll++;
		return true;
	case VIEW_KEY_PAGE_UP:
		view->scroll -= MIN(page, view->scroll);
		return true;
	case VIEW_KEY_PAGE_DOWN:
	case ' ':
		view->scroll += page;
		return true;
	case VIEW_KEY_HOME:
		view->scroll = 0;
		return true;
	case VIEW_KEY_END:
		view->scroll = G_MAXUINT / 2;
		return true;
	}
	return false;
}

void view_key(struct view *view, int key)
{
	g_clear_pointer(&view->message, g_free);
	if (key == CTRL('c'))
		view->quit = true;
	else if (view->prompt)
		prompt_key(view, key);
	else if (!view->screen->key(view, key))
		common_key(view, key);
}
