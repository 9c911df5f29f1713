/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that reads one guest's memory. It is started by client.c as the agent's own binary
 * with a hidden first argument, holds four descriptors and nothing else, gives up every right
 * before it reads the first byte, and answers requests until its socket closes.
 */
#ifndef KVMLENS_GUEST_WORKER_H
#define KVMLENS_GUEST_WORKER_H

#define GUEST_WORKER_ARG "guest-memory-worker"

#define GUEST_WORKER_MEM_FD 3
#define GUEST_WORKER_PAGEMAP_FD 4
#define GUEST_WORKER_MAPS_FD 5
#define GUEST_WORKER_SOCKET_FD 6

/* The process's main function; returns its exit status. */
int guest_worker_main(void);

#endif
