/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for the journal or a terminal. Only the agent and the command line write any. */
#ifndef KVMLENS_UTIL_LOG_H
#define KVMLENS_UTIL_LOG_H

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

/* As syslog counts them. */
enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6 };

struct log {
	FILE *out;
	bool journal; /* "<4>" before each line, as the journal reads it */
	enum log_level level; /* lines less important are left out */
	GMutex lock; /* guards what follows */
	GQueue *held; /* lines that wait, NULL: none has to */
	unsigned dropped; /* of the held ones, for want of room */
	unsigned unread; /* lost because the reader of out did not read, and not yet reported */
};

/* Lines on standard error; with levels when that is the journal's stream. */
void log_init(struct log *log);
void log_clear(struct log *log);

/* "subsystem: text", one line: control characters of the text come out as ?. Any thread. */
void log_line(struct log *log, enum log_level level, const char *subsystem, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * While a screen covers the terminal that lines go to, keep the newest 100 of them, and write
 * them once it is gone.
 */
void log_hold(struct log *log);
void log_release(struct log *log);

#endif
