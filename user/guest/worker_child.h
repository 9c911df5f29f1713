/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVMLENS_GUEST_WORKER_CHILD_H
#define KVMLENS_GUEST_WORKER_CHILD_H

#include "child/child.h"

/* Descriptors of the worker, in the order of child_start(). */
#define GUEST_WORKER_MEM_FD (CHILD_FD_FIRST + 0)
#define GUEST_WORKER_PAGEMAP_FD (CHILD_FD_FIRST + 1)
#define GUEST_WORKER_MAPS_FD (CHILD_FD_FIRST + 2)
#define GUEST_WORKER_SOCKET_FD (CHILD_FD_FIRST + 3)
#define GUEST_WORKER_FDS 4

/* The reader of one guest's memory: each call that it may make on its own descriptor. */
extern const struct child_spec guest_worker_child;

#endif
