/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVMLENS_ALERT_SENDER_CHILD_H
#define KVMLENS_ALERT_SENDER_CHILD_H

#include "child/child.h"

#define SENDER_FD CHILD_FD_FIRST /* the sender's end of the socket */

/* The sender: what resolving a name, and speaking HTTP or SMTP over TLS, takes. */
extern const struct child_spec sender_child;

#endif
