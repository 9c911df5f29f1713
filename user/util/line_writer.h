/* SPDX-License-Identifier: Apache-2.0 */
/* Lines appended to a file, a pipe or standard output, by a reader who may be slow or gone. */
#ifndef KVMLENS_UTIL_LINE_WRITER_H
#define KVMLENS_UTIL_LINE_WRITER_H

#include <stddef.h>
#include <stdint.h>

struct line_writer;

/*
 * Open path for appending, made with mode 0640; "-" is standard output. stop_fd: a wait for the
 * reader ends when it becomes readable; -1: none. Negative errno; -ENXIO: a pipe that nobody
 * reads.
 */
int line_writer_open(const char *path, int stop_fd, struct line_writer **ret_writer);
void line_writer_close(struct line_writer *writer);

/* Open the same path anew at the next write, for it was renamed. Any thread. */
void line_writer_reopen(struct line_writer *writer);

/*
 * Write whole lines. -EAGAIN: the reader took longer than five seconds; -ECANCELED: stop_fd; else
 * why it failed. What was not written is dropped and counted, and what follows begins on a line
 * of its own. The process must ignore SIGPIPE.
 */
int line_writer_write(struct line_writer *writer, const char *text, size_t len);

/* Bytes dropped since it was opened. */
uint64_t line_writer_dropped(const struct line_writer *writer);

#endif
