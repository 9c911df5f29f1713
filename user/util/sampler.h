/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Something that is read once a tick, on a thread of its own, shortly before the tick comes. The
 * tick takes the newest finished result and never waits; a reading that hangs costs its own
 * values and nothing else.
 */
#ifndef KVMLENS_UTIL_SAMPLER_H
#define KVMLENS_UTIL_SAMPLER_H

#include <glib.h>

struct sampler;

struct sampler_ops {
	const char *name; /* of the thread */
	/* A new result made with g_atomic_rc_box_new0(), or NULL: it failed. On the thread. */
	gpointer (*run)(void *arg);
	GDestroyNotify clear; /* what a result owns */
	GDestroyNotify free; /* arg, once the thread has ended */
};

/* Takes over arg. Nothing runs yet. */
struct sampler *sampler_new(const struct sampler_ops *ops, void *arg);

/* Start the thread, which reads once at once. -EAGAIN: it could not be made. */
int sampler_start(struct sampler *sampler);

/* The next tick comes in so many milliseconds: be ready by then. Never blocks. */
void sampler_kick(struct sampler *sampler, unsigned ms);

/* Wait for the first result, at most so long. */
void sampler_wait(struct sampler *sampler, unsigned ms);

/* The newest result, to be given back with sampler_unref_result(); NULL: there is none. */
gpointer sampler_result(struct sampler *sampler);
void sampler_unref_result(struct sampler *sampler, gpointer result);

/* Readings that failed, and ticks that found the one before still at work. */
guint64 sampler_failures(struct sampler *sampler);

/*
 * NULL is taken. False: the thread hangs; it ends, and frees arg, whenever its call returns.
 */
gboolean sampler_free(struct sampler *sampler);

#endif
