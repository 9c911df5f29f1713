/* SPDX-License-Identifier: Apache-2.0 */
/* The live table of VMs, on a terminal or as plain text. It knows snapshots and no collector. */
#ifndef KVMLENS_TUI_TOP_H
#define KVMLENS_TUI_TOP_H

#include <stdbool.h>
#include <stdio.h>
#include <kvmlens.h>
#include "metric/model.h"

/* Where snapshots come from, and what the keys may change there. All are called by one thread. */
struct top_source {
	/*
	 * The newest snapshot, counted for the caller (kvmlens_snapshot_unref), or NULL before the
	 * first. Called several times a second: it must not block.
	 */
	const struct kvmlens_snapshot *(*get)(void *ctx);
	/* Ask for another detail level or interval; NULL: it cannot be changed from the screen. */
	void (*set_level)(void *ctx, enum kvmlens_level level);
	void (*set_interval)(void *ctx, unsigned interval_ms);
};

/* Initialise with top_options_init. Strings are borrowed. */
struct top_options {
	unsigned interval_ms; /* as it is configured; shown, and changed with a key */
	int stop_fd; /* the view ends when it becomes readable; -1: none */
	const char *sort; /* a column's title, NULL: %RDY */
	bool reverse;
	const char *filter; /* part of a VM's name, or a glob with * or ?; NULL: all VMs */
	const char *vm; /* show this VM alone: a name or a uuid; NULL: the table */
	bool expand; /* show vCPUs and other threads of every VM */
	bool sum; /* percentages summed over the vCPUs, not averaged */
	int width; /* of plain text, in columns; 0: 80 */
	unsigned count; /* tables that top_batch prints; 0: no end */
};

void top_options_init(struct top_options *options);

/*
 * The view on the terminal at standard input and output, until the user quits or stop_fd is
 * readable. A terminal that cannot move its cursor (TERM=dumb) gets top_batch's tables instead.
 * -EINVAL: options->sort names no column; -ENOTTY: there is no terminal.
 */
int top_run(const struct top_source *source, void *ctx, const struct top_options *options);

/*
 * One plain text table a snapshot, from the first snapshot that has rates on, until
 * options->count tables are written or stop_fd is readable. -EINVAL as above; -EPIPE and other
 * errors of writing as they are.
 */
int top_batch(const struct top_source *source, void *ctx, const struct top_options *options,
	      FILE *out);

/* One snapshot as a plain text table. Errors as top_batch. */
int top_print(FILE *out, const struct kvmlens_snapshot *snapshot,
	      const struct top_options *options);

#endif
