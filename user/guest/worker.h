/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that reads one guest's memory. It is started by client.c as the agent's own binary
 * with a hidden first argument, holds four descriptors and nothing else, gives up every right
 * before it reads the first byte, and answers requests until its socket closes.
 */
#ifndef KVMLENS_GUEST_WORKER_H
#define KVMLENS_GUEST_WORKER_H

#define GUEST_WORKER_ARG "guest-memory-worker"

/* The process's main function; returns its exit status. */
int guest_worker_main(void);

#endif
