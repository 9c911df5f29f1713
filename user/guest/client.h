/* SPDX-License-Identifier: Apache-2.0 */
/* One worker process, seen from the agent: start it, ask it, read its answer, end it. */
#ifndef KVMLENS_GUEST_CLIENT_H
#define KVMLENS_GUEST_CLIENT_H

#include <sys/types.h>
#include "guest/kernel.h"
#include "guest/report.h"

struct guest_client {
	pid_t pid; /* of the worker, 0: there is none */
	int fd; /* its socket, non-blocking; -1: none */
	uint32_t number; /* of the last request */
	bool asked; /* an answer is outstanding */
	uint8_t *buf; /* the answer so far; owned */
	size_t have;
	struct guest_report report; /* of the last answer that was complete */
};

void guest_client_init(struct guest_client *client);

/*
 * Start a worker for a VMM. exe is the program that has guest_worker_main() behind
 * GUEST_WORKER_ARG; ram NULL: the worker looks for it; hidden: some of it its VMM cannot see. A
 * negative errno: the VMM has gone, its memory may not be read, or no process could be started.
 */
int guest_client_start(struct guest_client *client, const char *exe, pid_t vmm,
		       const struct guest_ram *ram, bool hidden);

/* Ask for one look; the answer comes through guest_client_receive(). -EPIPE: it has died. */
int guest_client_ask(struct guest_client *client, const struct guest_request *budget);

/*
 * Take what has come. -EAGAIN: not yet all; -EPROTO: no answer that could be right; -EPIPE: the
 * worker has died. On 0 client->report is the answer's head and *ret_view a view, or NULL where
 * its status is not GUEST_OK.
 */
int guest_client_receive(struct guest_client *client, struct guest_view **ret_view);

/*
 * End the worker. Returns its pid where it has not ended yet: to be waited for later; else 0.
 */
pid_t guest_client_stop(struct guest_client *client);

#endif
