/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who talks to the network for a channel: a process of its own, an unprivileged user with no
 * capabilities and a filter of system calls, for what a server answers is parsed by it. It gets
 * requests through a socket and gives back a few numbers. One that hangs is ended.
 */
#ifndef KVMLENS_ALERT_SENDER_H
#define KVMLENS_ALERT_SENDER_H

#include <stdint.h>
#include <sys/types.h>
#include "alert/request.h"

#define SENDER_ARGUMENT "--alert-sender"

/* The program with SENDER_ARGUMENT as its only argument. */
int sender_main(void);

/* All that comes back of an answer: nothing in it is text of the server's. */
struct answer {
	int32_t curl; /* CURLcode */
	int32_t status; /* of HTTP or SMTP, 0: there was none */
	int32_t os_error; /* errno of the connection, 0: none */
	int32_t retry_after_s; /* as the server asks for, 0: it does not */
	uint64_t sent; /* bytes of the body that it took */
};

struct sender {
	int fd;
	GMutex lock; /* guards pid */
	pid_t pid; /* 0: none runs */
};

void sender_init(struct sender *sender);

/*
 * Have a request carried out; starts a process where none runs. -ETIMEDOUT: it did not end in
 * time, and was ended; -EPIPE: it died; else why none could be started.
 */
int sender_run(struct sender *sender, const struct request *request, struct answer *ret_answer);

/* End the process, if one runs, and reap it. By the thread that runs it. */
void sender_end(struct sender *sender);

/* The same for another thread: sender_run() returns then. */
void sender_kill(struct sender *sender);
void sender_clear(struct sender *sender);

#endif
