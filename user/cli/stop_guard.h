/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last resort of a process that was asked to end: whatever hangs, be it a part that still
 * starts, a full pipe or a locked file, it is gone a few seconds after SIGTERM or SIGINT. Nothing
 * is lost by it that a crash would not lose: files are journaled, pins are adopted by the next run.
 */
#ifndef KVMLENS_CLI_STOP_GUARD_H
#define KVMLENS_CLI_STOP_GUARD_H

/* Between the signal and the end, and the status of a process that was ended so. */
#define STOP_GUARD_S 4
#define STOP_GUARD_STATUS 1

/*
 * Watch for SIGTERM and SIGINT, which every thread must have blocked already; they remain pending
 * for whoever else reads them. The thread lives as long as the process. Negative errno.
 */
int stop_guard_start(void);

/* Stopping begins now: the process ends in STOP_GUARD_S at the latest. */
void stop_guard_arm(void);

#endif
