/* SPDX-License-Identifier: Apache-2.0 */
/* Give up everything that reading a guest does not need. */
#ifndef KVMLENS_GUEST_CONFINE_H
#define KVMLENS_GUEST_CONFINE_H

/*
 * For good: every descriptor but the worker's four is closed, the user becomes nobody
 * (where the process is root), memory and CPU time are limited, no new privileges, and only the
 * system calls that a look takes are left, each on its own descriptor. 0 or a negative errno, and
 * then the process must end. Builds with AddressSanitizer keep memory and system calls: it needs
 * more of both than a worker may have.
 */
int guest_confine(void);

#endif
