/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent and its sender agree on; nothing else includes it. */
#ifndef KVMLENS_ALERT_SENDER_WIRE_H
#define KVMLENS_ALERT_SENDER_WIRE_H

#include <stddef.h>

#define WIRE_FD 3 /* the sender's end of the socket */
#define WIRE_REQUEST_MAX (4u << 20) /* bytes of JSON, behind a length of 4 bytes */

/* Read or write all of it: 0, -EPIPE at the end, or a negative errno. */
int sender_wire_read(int fd, void *data, size_t len);
int sender_wire_write(int fd, const void *data, size_t len);

#endif
