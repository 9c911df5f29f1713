/* SPDX-License-Identifier: Apache-2.0 */
/* The agent: a pinned collector with everything that hangs off its snapshots. */
#ifndef KVMLENS_AGENT_H
#define KVMLENS_AGENT_H

#include "config/config.h"
#include "remote.h"
#include "util/log.h"

struct agent;

/* Both must outlive the agent. */
struct agent_options {
	const struct config *config;
	struct log *log;
	remote_reload_fn reload; /* what kvmlens reload asks for; NULL: it cannot be asked */
	void *reload_arg;
};

/*
 * Load, give up the rights that are needed no more, start. What the kernel refuses is logged and
 * costs nothing else. *ret_error is one line that says what is wrong and what to do. -EPERM: not
 * privileged; -EBUSY: another agent runs; -EADDRINUSE: the address is taken; -ENOTSUP: nothing
 * useful can run here; else why.
 */
int agent_start(const struct agent_options *options, struct agent **ret_agent, char **ret_error);

/*
 * Take over what can change while it runs, the interval and the detail level, open the file of
 * JSON lines anew, and log what a restart is needed for. config is only read.
 */
void agent_reload(struct agent *agent, const struct config *config);

/* Stop, remove what was loaded, free. */
void agent_stop(struct agent *agent);

struct kvmlens_collector *agent_collector(struct agent *agent);

#endif
