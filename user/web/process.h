/* SPDX-License-Identifier: Apache-2.0 */
/* The face as its parent sees it: a child and a socket to it. */
#ifndef KVMLENS_WEB_PROCESS_H
#define KVMLENS_WEB_PROCESS_H

#include <sys/types.h>
#include "web/wire.h"

struct face_process {
	pid_t pid; /* 0: none */
	int sock; /* -1: none */
};

/*
 * Execute this program anew as the face, hand it the listening socket, and send it hello, the
 * documents and, where hello has_access, access, a descriptor of sealed memory. It has no
 * environment, and no other descriptor of ours than standard error. Negative errno.
 */
int face_process_start(int listen, const struct wire_hello *hello,
		       const struct wire_document *documents, int access,
		       struct face_process *ret_process);

/* Wait until it says that it is confined; WIRE_FAILED is in *ret_said with a negative errno. */
int face_process_wait(const struct face_process *process, unsigned timeout_ms,
		      struct wire_face *ret_said);

/* End it, whatever it is doing, and reap it. Nothing happens where there is none. */
void face_process_stop(struct face_process *process);

#endif
