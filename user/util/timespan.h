/* SPDX-License-Identifier: Apache-2.0 */
/* Moments and steps as they are typed: 2h, 30m, now, 2026-01-31 12:00. */
#ifndef KVMLENS_UTIL_TIMESPAN_H
#define KVMLENS_UTIL_TIMESPAN_H

#include <stdint.h>

/* "90s", "5m", "2h", "3d", "1w", "500ms", and sums of them: "1h30m". -EINVAL: it is none. */
int timespan_parse(const char *text, int64_t *ret_ms);

/*
 * A moment: a time span before now, "now", seconds since the epoch with an @ before them, or a
 * local date and time, the time or its seconds left out. -EINVAL.
 */
int moment_parse(const char *text, int64_t now_ms, int64_t *ret_ms);

/* A step that a person would choose, at least as long: 1s, 2s, 5s, 10s, ... 1h, 2h, 1d. */
int64_t timespan_nice(int64_t ms);

#endif
