/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to the guest agent's socket of a QEMU process. */
#ifndef KVMLENS_GUEST_GA_CONNECT_H
#define KVMLENS_GUEST_GA_CONNECT_H

#include <sys/types.h>

/*
 * A connected socket, whose other end is certainly that process. Negative errno, and why in at most
 * GA_WHY_LEN bytes. May hang where the process does. Needs no right but to look into the process:
 * the socket is opened with the rights of QEMU's own user.
 */
int ga_connect(pid_t pid, char *why);

#endif
