/* SPDX-License-Identifier: Apache-2.0 */
/* The live table on a collector. */
#ifndef KVMLENS_CLI_WATCH_H
#define KVMLENS_CLI_WATCH_H

#include "cli/command.h"
#include "core/collector.h"
#include "tui/top.h"

/* For top_run, with the collector as ctx. */
extern const struct top_source watch_source;

/* Is there a terminal to show the table on? */
bool watch_has_terminal(void);

/* Two seconds where nobody chose: somebody is looking on. */
void watch_default_interval(struct cli *cli, enum interval_by least);

/* Say what went wrong with the table; EXIT_DONE when nothing did. */
enum exit_code watch_ended(const struct cli *cli, int err);

#endif
