/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread that keeps a worker process for each guest to be read, asks them in turn, and holds
 * their latest views. Whatever a worker does, the others and the caller never wait for it: it has
 * a deadline, and a back-off that doubles from one failure to the next.
 */
#ifndef KVMLENS_GUEST_READER_H
#define KVMLENS_GUEST_READER_H

#include <stdbool.h>
#include <sys/types.h>
#include "guest/ram.h"
#include "metric/guest_view.h"

struct guest_reader_options {
	const char *exe; /* with GUEST_WORKER_ARG behind it; NULL: /proc/self/exe */
	unsigned interval_ms; /* between two looks into one guest */
	unsigned deadline_ms; /* of a look; finding the kernel may take four times as long */
	unsigned parallel; /* workers that look at the same moment */
	uint64_t max_calls, max_bytes; /* of a look; 0: defaults */
};

/* A VMM process to be read; pid and start_ns together are its identity. */
struct guest_target {
	pid_t pid;
	uint64_t start_ns;
	const struct guest_ram *ram; /* copied; NULL: not known, look for it */
	bool hidden; /* some of it cannot be read by anybody but the guest */
};

/* How reading one guest goes. */
struct guest_reader_state {
	bool known; /* it is among the targets */
	bool up; /* its last look brought a view */
	char why[96]; /* of the last that did not; "" */
	uint64_t walks, failures, restarts;
	uint64_t left_out; /* tasks that a look had to leave out, summed up */
	uint64_t cpu_ns; /* of the worker, for all looks */
	uint64_t calls, bytes; /* of the last look */
};

struct guest_reader;

/* NULL: no thread could be started. */
struct guest_reader *guest_reader_new(const struct guest_reader_options *options);

/* Ends the thread and every worker. */
void guest_reader_free(struct guest_reader *reader);

/* Read these from now on, and no others. Never blocks for long. */
void guest_reader_set(struct guest_reader *reader, const struct guest_target *targets, size_t n);

/*
 * The latest view of a guest, to be given back with guest_view_unref(), or NULL; *ret_state is
 * always filled. Never blocks for long.
 */
struct guest_view *guest_reader_get(struct guest_reader *reader, pid_t pid, uint64_t start_ns,
				    struct guest_reader_state *ret_state);

#endif
