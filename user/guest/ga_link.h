/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A way to a guest's agent: through libvirt, which keeps the agent's socket to itself, or through
 * that socket. One request at a time; every call is made on a thread that may wait.
 */
#ifndef KVMLENS_GUEST_GA_LINK_H
#define KVMLENS_GUEST_GA_LINK_H

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>
#include "metric/model.h"

#define GA_WHY_LEN 96

/* A VMM process whose guest is asked; pid and start_ns together are its identity. */
struct ga_target {
	pid_t pid;
	uint64_t start_ns;
	char uuid[40];
	unsigned libvirt; /* libvirt runs it: its socket is libvirt's */
	unsigned parts; /* of enum ga_part: what is wanted of it */
	struct vm_owner owner;
};

/*
 * Errors of open and ask: -ETIMEDOUT: silence; -EPROTO, -EMSGSIZE: what came is no reply; others as
 * they come. The link is then of no use but to be closed. why: what to tell an operator.
 */
struct ga_link_ops {
	const char *name;

	/* The agent is in step when this returns: what an earlier request left has been read. */
	int (*open)(void *arg, const struct ga_target *target, unsigned deadline_ms, void **ret_ctx,
		    char *why);

	/*
	 * A request without an end of line, and its whole reply. -EREMOTEIO: the agent says that
	 * the command failed, where the way itself tells that; the link is as good as before.
	 */
	int (*ask)(void *ctx, const char *request, unsigned deadline_ms, GString *ret_reply,
		   char *why);

	void (*close)(void *ctx);
};

#endif
