// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include "tui/terminal.h"
#include "tui/top.h"
#include "tui/view.h"
#include "util/clock.h"

/* How often to look for a new snapshot, and how often to repaint one that does not come. */
#define POLL_MS 200
#define REPAINT_NS 1000000000ull

struct run {
	const struct top_source *source;
	void *ctx;
	const struct top_options *options;
	struct view *view;
	struct terminal *terminal;
	bool utf8;
	bool changed;
	uint64_t painted_ns;
};

void top_options_init(struct top_options *options)
{
	*options = (struct top_options){.interval_ms = 1000, .stop_fd = -1};
}

static void fetch(struct run *run)
{
	const struct kvmlens_snapshot *snapshot;
	struct view *view = run->view;

	if (view->frozen)
		return;
	snapshot = run->source->get(run->ctx);
	if (!snapshot)
		return;
	if (view->snapshot && view->snapshot->seq == snapshot->seq) {
		kvmlens_snapshot_unref(snapshot);
		return;
	}
	view_set_snapshot(view, snapshot);
	run->changed = true;
}

/* What the keys asked of the world outside of the view. */
static void act(struct run *run)
{
	struct view *view = run->view;

	if (view->ask_level >= 0)
		run->source->set_level(run->ctx, view->ask_level);
	if (view->ask_interval_ms)
		run->source->set_interval(run->ctx, view->ask_interval_ms);
	if (view->suspend)
		terminal_suspend(run->terminal);
	if (view->redraw)
		terminal_redraw(run->terminal);
	view->ask_level = -1;
	view->ask_interval_ms = 0;
	view->suspend = false;
	view->redraw = false;
}

static void read_keys(struct run *run)
{
	int key;

	while (!run->view->quit && (key = terminal_key(run->terminal)) != TERMINAL_KEY_NONE) {
		if (key != TERMINAL_KEY_RESIZE)
			view_key(run->view, key);
		act(run);
		run->changed = true;
	}
}

static void paint(struct run *run)
{
	struct frame *frame;
	int width, height;

	terminal_size(run->terminal, &width, &height);
	frame = frame_new(width, height, run->utf8);
	run->view->now_ns = run->view->frozen ? 0 : mono_ns();
	view_draw(run->view, frame);
	terminal_paint(run->terminal, frame);
	frame_free(frame);
	run->painted_ns = mono_ns();
	run->changed = false;
}

/* Wait for a key or some time; false: the view has to end. */
static bool wait_input(const struct run *run)
{
	struct pollfd fds[] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = run->options->stop_fd, .events = POLLIN},
	};
	int n = poll(fds, G_N_ELEMENTS(fds), POLL_MS);

	if (n < 0)
		return errno == EINTR;
	return !fds[1].revents && !(fds[0].revents & ~POLLIN);
}

static void loop(struct run *run)
{
	do {
		fetch(run);
		read_keys(run);
		if (run->changed || mono_ns() - run->painted_ns > REPAINT_NS)
			paint(run);
	} while (!run->view->quit && wait_input(run));
}

int top_run(const struct top_source *source, void *ctx, const struct top_options *options)
{
	struct run run = {.source = source, .ctx = ctx, .options = options};
	int ret;

	run.utf8 = terminal_utf8();
	run.view = view_new(options);
	if (!run.view)
		return -EINVAL;
	ret = terminal_open(&run.terminal);
	if (ret == 0) {
		run.view->can_level = source->set_level;
		run.view->can_interval = source->set_interval;
		run.view->marks = !terminal_has_colours(run.terminal);
		loop(&run);
		terminal_close(run.terminal);
	}
	view_free(run.view);
	return ret == -ENOTSUP ? top_batch(source, ctx, options, stdout) : ret;
}
