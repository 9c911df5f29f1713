// SPDX-License-Identifier: Apache-2.0
#include "util/line_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_US 5000000

struct line_writer {
	char *path;
	int fd, stop_fd;
	gint reopen; /* set from any thread */
	bool torn; /* the last line that was begun is not whole */
	uint64_t dropped;
};

static int open_path(const char *path)
{
	int fd;

	if (strcmp(path, "-") == 0)
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	else /* a pipe without a reader fails now rather than hangs for ever */
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
			  0640);
	return fd < 0 ? -errno : fd;
}

int line_writer_open(const char *path, int stop_fd, struct line_writer **ret_writer)
{
	struct line_writer *writer;
	int fd = open_path(path);

	if (fd < 0)
		return fd;
	writer = g_new0(struct line_writer, 1);
	writer->path = g_strdup(path);
	writer->fd = fd;
	writer->stop_fd = stop_fd;
	*ret_writer = writer;
	return 0;
}

void line_writer_close(struct line_writer *writer)
{
	if (!writer)
		return;
	close(writer->fd);
	g_free(writer->path);
	g_free(writer);
}

void line_writer_reopen(struct line_writer *writer)
{
	g_atomic_int_set(&writer->reopen, 1);
}

/* The old file stays in use when the new one cannot be opened. */
static void reopen_if_asked(struct line_writer *writer)
{
	int fd;

	if (!g_atomic_int_compare_and_exchange(&writer->reopen, 1, 0))
		return;
	fd = open_path(writer->path);
	if (fd < 0)
		return;
	close(writer->fd);
	writer->fd = fd;
	writer->torn = false;
}

/* Wait until PIPE_BUF bytes can be written without blocking. */
static int wait_writable(const struct line_writer *writer, gint64 deadline)
{
	struct pollfd fds[] = {{.fd = writer->fd, .events = POLLOUT},
			       {.fd = writer->stop_fd, .events = POLLIN}};
	gint64 left = MAX(deadline - g_get_monotonic_time(), 0);
	int n = poll(fds, G_N_ELEMENTS(fds), left / 1000);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents)
		return fds[0].revents & POLLOUT ? 1 : -EPIPE;
	if (fds[1].revents)
		return -ECANCELED;
	return left ? 0 : -EAGAIN;
}

static int write_all(struct line_writer *writer, const char *text, size_t *left)
{
	gint64 deadline = g_get_monotonic_time() + PATIENCE_US;

	while (*left) {
		int ready = wait_writable(writer, deadline);
		ssize_t n;

		if (ready < 0)
			return ready;
		if (ready == 0)
			continue;
		n = write(writer->fd, text, MIN(*left, PIPE_BUF));
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			text += n;
			*left -= n;
		}
	}
	return 0;
}

int line_writer_write(struct line_writer *writer, const char *text, size_t len)
{
	size_t newline, left = len;
	int err = 0;

	reopen_if_asked(writer);
	newline = writer->torn;
	if (newline)
		err = write_all(writer, "\n", &newline);
	if (!err) {
		writer->torn = false;
		err = write_all(writer, text, &left);
		writer->torn = left && left < len;
	}
	writer->dropped += left;
	return err;
}

uint64_t line_writer_dropped(const struct line_writer *writer)
{
	return writer->dropped;
}
