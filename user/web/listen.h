/* SPDX-License-Identifier: Apache-2.0 */
/* The listening socket, which the privileged side binds and the face is handed. */
#ifndef KVMLENS_WEB_LISTEN_H
#define KVMLENS_WEB_LISTEN_H

/*
 * Bind and listen on "address:port" (see endpoint_parse). Returns a descriptor that the caller
 * owns. On failure, negative errno and *ret_error is one line, freed by the caller, that says what
 * is wrong and what to do.
 */
int listen_open(const char *where, char **ret_error);

/* The port that a socket listens on. */
unsigned listen_port(int fd);

#endif
