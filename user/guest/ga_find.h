/* SPDX-License-Identifier: Apache-2.0 */
/* Where a QEMU's guest agent is to be reached, by its command line. Pure; the bytes are hostile. */
#ifndef KVMLENS_GUEST_GA_FIND_H
#define KVMLENS_GUEST_GA_FIND_H

#include <stddef.h>

/*
 * The path of the Unix socket that QEMU listens on for the port org.qemu.guest_agent.0, in QEMU's
 * own file system, to be freed. NULL: it has none. Arguments are separated by NUL.
 */
char *ga_find_socket(const char *cmdline, size_t len);

#endif
