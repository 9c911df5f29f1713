// SPDX-License-Identifier: Apache-2.0
#include "util/log.h"

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HELD_MAX 100
#define LINE_MAX_BYTES (PIPE_BUF - 1)

/* The service manager names the stream it gave us by device and inode: systemd.exec(5). */
static bool is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	g_autofree char *own = NULL;
	struct stat st;

	if (!stream || fstat(fd, &st))
		return false;
	own = g_strdup_printf("%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return g_str_equal(stream, own);
}

void log_init(struct log *log)
{
	*log = (struct log){
		.out = stderr, .journal = is_journal(STDERR_FILENO), .level = LOG_LEVEL_INFO};
	g_mutex_init(&log->lock);
}

void log_clear(struct log *log)
{
	log_release(log);
	g_mutex_clear(&log->lock);
}

static void hold_line(struct log *log, const char *line)
{
	if (log->held->length == HELD_MAX) {
		g_free(g_queue_pop_head(log->held));
		log->dropped++;
	}
	g_queue_push_tail(log->held, g_strdup(line));
}

/*
 * A reader that does not read costs its lines, not the thread that logs. The descriptor is others'
 * too, so that it cannot be made non-blocking: what is ready takes PIPE_BUF bytes without waiting.
 */
static bool is_ready(FILE *out)
{
	struct pollfd fd = {.fd = fileno(out), .events = POLLOUT};

	return fd.fd < 0 || (poll(&fd, 1, 0) == 1 && fd.revents & POLLOUT);
}

static void write_line(struct log *log, const char *line)
{
	if (!is_ready(log->out)) {
		log->unread++;
		return;
	}
	if (log->unread) {
		fprintf(log->out, "kvmlens: log: %u lines were lost, their reader did not read\n",
			log->unread);
		fflush(log->out);
		log->unread = 0;
		if (!is_ready(log->out)) {
			log->unread++;
			return;
		}
	}
	fprintf(log->out, "%.*s", LINE_MAX_BYTES, line);
	if (strlen(line) > LINE_MAX_BYTES)
		fputc('\n', log->out);
	fflush(log->out);
}

static void put_line(struct log *log, const char *line)
{
	g_mutex_lock(&log->lock);
	if (log->held) {
		hold_line(log, line);
	} else {
		write_line(log, line);
	}
	g_mutex_unlock(&log->lock);
}

void log_line(struct log *log, enum log_level level, const char *subsystem, const char *format, ...)
{
	g_autofree char *text = NULL, *line = NULL;
	va_list args;

	if (level > log->level)
		return;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	if (log->journal)
		line = g_strdup_printf("<%d>%s: %s\n", level, subsystem, text);
	else
		line = g_strdup_printf("kvmlens: %s: %s\n", subsystem, text);
	put_line(log, line);
}

void log_hold(struct log *log)
{
	if (!isatty(fileno(log->out)))
		return;
	g_mutex_lock(&log->lock);
	if (!log->held)
		log->held = g_queue_new();
	g_mutex_unlock(&log->lock);
}

void log_release(struct log *log)
{
	GQueue *held;
	char *line;

	g_mutex_lock(&log->lock);
	held = g_steal_pointer(&log->held);
	if (held && log->dropped)
		fprintf(log->out, "kvmlens: log: %u earlier lines were dropped\n", log->dropped);
	while (held && (line = g_queue_pop_head(held))) {
		write_line(log, line);
		g_free(line);
	}
	if (held)
		g_queue_free(held);
	log->dropped = 0;
	fflush(log->out);
	g_mutex_unlock(&log->lock);
}
