// SPDX-License-Identifier: Apache-2.0
#include "util/log.h"

#include <glib.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
}

void log_line(const struct log *log, enum log_level level, const char *subsystem,
	      const char *format, ...)
{
	g_autofree char *text = NULL;
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
		fprintf(log->out, "<%d>%s: %s\n", level, subsystem, text);
	else
		fprintf(log->out, "kvmlens: %s: %s\n", subsystem, text);
	fflush(log->out);
}
