/* SPDX-License-Identifier: Apache-2.0 */
/* The agent of a QEMU that nobody manages, through the Unix socket of its port. */
#ifndef KVMLENS_GUEST_GA_SOCKET_H
#define KVMLENS_GUEST_GA_SOCKET_H

#include "guest/ga_link.h"

extern const struct ga_link_ops ga_socket_ops;

/*
 * For a connected stream socket, of which it takes possession in any case: get into step with the
 * agent. As open() of the ops.
 */
int ga_socket_start(int fd, unsigned deadline_ms, void **ret_ctx, char *why);

#endif
