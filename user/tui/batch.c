// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include "tui/terminal.h"
#include "tui/top.h"
#include "tui/view.h"

#define POLL_MS 100

#define DEFAULT_WIDTH 80

/* Rows that header, titles and explanations take at most. */
#define OTHER_ROWS 64
#define VM_ROWS 512 /* of the screen of one VM */

static int print_frame(FILE *out, const struct frame *frame)
{
	g_autofree char *text = frame_text(frame);

	errno = 0;
	if (fprintf(out, "%s\n", text) < 0 || fflush(out))
		return errno ? -errno : -EIO;
	return 0;
}

int top_print(FILE *out, const struct kvmlens_snapshot *snapshot, const struct top_options *options)
{
	struct view *view = view_new(options);
	int width = options->width > 0 ? options->width : DEFAULT_WIDTH;
	struct frame *frame;
	int ret;

	if (!view)
		return -EINVAL;
	view->plain = true;
	view_set_snapshot(view, kvmlens_snapshot_ref(snapshot));
	frame = frame_new(width, view->rows->len + (options->vm ? VM_ROWS : OTHER_ROWS),
			  terminal_utf8());
	view_draw(view, frame);
	ret = print_frame(out, frame);
	frame_free(frame);
	view_free(view);
	return ret;
}

static bool stopped(const struct top_options *options)
{
	struct pollfd fd = {.fd = options->stop_fd, .events = POLLIN};

	/* A negative descriptor is never ready: then this only waits. */
	return poll(&fd, 1, POLL_MS) > 0;
}

int top_batch(const struct top_source *source, void *ctx, const struct top_options *options,
	      FILE *out)
{
	unsigned printed = 0;
	uint64_t seq = 0;
	int ret = 0;

	do {
		const struct kvmlens_snapshot *snapshot = source->get(ctx);

		if (!snapshot)
			continue;
		if (snapshot->interval_ns && (!printed || snapshot->seq != seq)) {
			if (printed)
				fputc('\n', out);
			ret = top_print(out, snapshot, options);
			seq = snapshot->seq;
			printed++;
		}
		kvmlens_snapshot_unref(snapshot);
	} while (!ret && (!options->count || printed < options->count) && !stopped(options));
	return ret;
}
