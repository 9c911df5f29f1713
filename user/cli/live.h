/* SPDX-License-Identifier: Apache-2.0 */
/* A collector of a command's own, with private maps: it does not disturb a running agent. */
#ifndef KVMLENS_CLI_LIVE_H
#define KVMLENS_CLI_LIVE_H

#include "cli/command.h"
#include "core/collector.h"

/* Says on cli->err, with the remedy, that rights are missing; EXIT_DONE: they are not. */
enum exit_code live_check_rights(const struct cli *cli);

/*
 * Start collecting. Anything but EXIT_DONE: it was said on cli->err why not. The collector is
 * freed with kvmlens_collector_free.
 */
enum exit_code live_start(struct cli *cli, struct kvmlens_collector **ret_collector);

/* The same with what add (NULL: nothing) puts on the collector before it starts. */
typedef int (*live_add_fn)(void *arg, struct kvmlens_collector *collector);
enum exit_code live_start_with(struct cli *cli, live_add_fn add, void *arg,
			       struct kvmlens_collector **ret_collector);

/*
 * The snapshot after the first so many ticks, and no earlier than the providers have answered or
 * had a second to do so. Counted; NULL, and said on cli->err: none came.
 */
const struct kvmlens_snapshot *live_snapshot(struct cli *cli, struct kvmlens_collector *collector,
					     unsigned ticks);

/* Is there a VM that --vm means? Else it is said, and EXIT_NO_SUCH_VM. */
enum exit_code live_check_vm(const struct cli *cli, const struct kvmlens_snapshot *snapshot);

/*
 * Block SIGTERM, SIGINT, SIGHUP in every thread made from now on, and return a descriptor that
 * is readable once one has come (a struct signalfd_siginfo each). Negative errno.
 */
int live_signals(void);

#endif
