/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that may hang, run on a helper thread with a deadline. A call that overruns is left where
 * it is: its thread is parked until the call returns, and the next call gets a thread of its own.
 */
#ifndef KVMLENS_UTIL_OFFLOAD_H
#define KVMLENS_UTIL_OFFLOAD_H

#include <glib.h>
#include <stdbool.h>

/*
 * One call. The caller embeds it as the first member of what the call needs and gives back, and
 * must not touch that between offload_run and the moment that offload_job_done is true.
 */
struct offload_job {
	gint ref;
	gint done;
	void (*run)(struct offload_job *job); /* on the helper thread */
	void (*free)(struct offload_job *job); /* by whoever drops the last reference */
};

void offload_job_init(struct offload_job *job, void (*run)(struct offload_job *),
		      void (*free)(struct offload_job *));
void offload_job_unref(struct offload_job *job);
bool offload_job_done(const struct offload_job *job);

struct offload;

/* max_parked: how many hanging calls are put up with at a time. name: of the threads. */
struct offload *offload_new(const char *name, unsigned max_parked);

/*
 * Run a job and wait for it. The caller keeps its reference in every case.
 * -ETIMEDOUT: it still runs, its thread is parked; -EBUSY: too many hang, it was not run;
 * -EAGAIN: no thread could be made, it was not run. One caller at a time.
 */
int offload_run(struct offload *offload, struct offload_job *job, unsigned deadline_ms);

/* Calls that hang now. Any thread. */
unsigned offload_parked(struct offload *offload);

/* Parked threads live on until their call returns. */
void offload_free(struct offload *offload);

#endif
