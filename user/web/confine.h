/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up every right before the first byte from the network is read. */
#ifndef KVMLENS_WEB_CONFINE_H
#define KVMLENS_WEB_CONFINE_H

#include <sys/types.h>

struct confine {
	uid_t uid; /* to become, where we are root */
	gid_t gid;
	unsigned max_files; /* descriptors, those that are open included */
};

/*
 * Empty network, file and host-name namespaces, an empty root, limits, another user, no
 * capability and none to gain, and a list of the system calls that serving takes; all others
 * fail, and those that only an intruder makes end the process. Call it with a single thread.
 *
 * *ret_done are the steps (enum wire_confined) that could be taken of those that need a right
 * which this process may lack; without the others, the caller must not go on: negative errno,
 * and *ret_step is what could not be done, a static text.
 */
int confine(const struct confine *how, unsigned *ret_done, const char **ret_step);

#endif
