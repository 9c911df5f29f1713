// SPDX-License-Identifier: Apache-2.0
#include "cli/watch.h"

#include <errno.h>
#include <unistd.h>

#define WATCH_INTERVAL_MS 2000

static const struct kvmlens_snapshot *get(void *ctx)
{
	return kvmlens_collector_snapshot(ctx);
}

static void set_level(void *ctx, enum kvmlens_level level)
{
	collector_set_level(ctx, level);
}

static void set_interval(void *ctx, unsigned interval_ms)
{
	collector_set_interval(ctx, interval_ms);
}

const struct top_source watch_source = {
	.get = get, .set_level = set_level, .set_interval = set_interval};

bool watch_has_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

void watch_default_interval(struct cli *cli, enum interval_by least)
{
	if (cli->interval < least)
		cli->config->interval_ms = WATCH_INTERVAL_MS;
}

enum exit_code watch_ended(const struct cli *cli, int err)
{
	/* A reader that has seen enough is no failure: kvmlens top | head. */
	if (!err || err == -EPIPE)
		return EXIT_DONE;
	cli_error(cli, "%s: the table cannot be shown: %s", cli->command->name, g_strerror(-err));
	return exit_code_of(err);
}
