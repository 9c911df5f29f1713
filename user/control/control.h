/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running agent takes commands on a Unix socket: one JSON object on a line, answered by one
 * on a line, then the connection ends. Root alone may connect. One thread serves one client after
 * another, each within a few seconds, so that a command must be quick.
 */
#ifndef KVMLENS_CONTROL_CONTROL_H
#define KVMLENS_CONTROL_CONTROL_H

#include <jansson.h>

#define CONTROL_REQUEST_MAX (64 * 1024)
#define CONTROL_REPLY_MAX (16 * 1024 * 1024)

struct control;

/*
 * One command. request is the client's object, borrowed: every member is to be checked. Returns a
 * new object: {"..."} or what control_error() makes. Runs on the control thread.
 */
struct control_command {
	const char *name; /* the request's member "command" */
	json_t *(*run)(void *arg, const json_t *request);
};

/*
 * Bind the socket, readable and writable for its owner alone, at path; its directory is made
 * where it is missing, and a socket that nobody serves any more is replaced. -EADDRINUSE: another
 * agent serves it; -ENAMETOOLONG; else why it could not be made.
 */
int control_open(const char *path, struct control **ret_control);

/* Add commands (a table ended by a NULL name; both outlive control) before control_start. */
void control_add(struct control *control, const struct control_command *commands, void *arg);

/* Begin to serve. -EAGAIN: no thread could be made. */
int control_start(struct control *control);

/* Stop serving and remove the socket. NULL is fine. */
void control_close(struct control *control);

/* {"error": text, "code": a negative errno}, new. */
json_t *control_error(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * The other side: send a request and wait for the reply, at most timeout_ms. On success
 * *ret_reply is the agent's object, which may have "error" and "code". -ENOENT, -ECONNREFUSED: no
 * agent serves path; -EACCES; -ETIMEDOUT; -EPROTO: it answered something else.
 */
int control_call(const char *path, const json_t *request, unsigned timeout_ms, json_t **ret_reply);

#endif
