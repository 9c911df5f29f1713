/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON object on a line over a stream socket, within a deadline and a size. */
#ifndef KVMLENS_CONTROL_MESSAGE_H
#define KVMLENS_CONTROL_MESSAGE_H

#include <glib.h>
#include <jansson.h>

/*
 * deadline: monotonic, in microseconds. Descriptors are non-blocking.
 * -ETIMEDOUT; -EMSGSIZE: longer than max; -EPROTO: no JSON object; -ECONNRESET: it ended early.
 */
int message_receive(int fd, size_t max, gint64 deadline, json_t **ret_object);
int message_send(int fd, size_t max, gint64 deadline, const json_t *object);

/* The same for a line in memory, without its newline. */
int message_parse(const char *line, size_t len, json_t **ret_object);

/* Wait until fd is ready for events (poll's), at most until the deadline. -ETIMEDOUT. */
int message_wait(int fd, short events, gint64 deadline);

#endif
