/* SPDX-License-Identifier: Apache-2.0 */
/* Moments and steps as they are typed or pasted: 2h, now, 2026-01-31T12:00:00Z. */
#ifndef KVMLENS_UTIL_TIMESPAN_H
#define KVMLENS_UTIL_TIMESPAN_H

#include <stdint.h>

/* "90s", "5m", "1.5h", "3d", "1w", "500ms", and sums of them: "1h30m". -EINVAL: it is none. */
int timespan_parse(const char *text, int64_t *ret_ms);

/*
 * A moment, in any form that an output has: a time span before now ("2h"), "now", seconds or
 * milliseconds since the epoch (1789000000, 1789000000.5, 1789000000123; a small number needs an
 * @ before it), RFC 3339 with a zone ("2026-01-31T12:00:00.5+01:00", "...Z"), a local date and
 * time, the time or its seconds left out, or a local time of the last 24 hours ("12:00:05").
 * -EINVAL.
 */
int moment_parse(const char *text, int64_t now_ms, int64_t *ret_ms);

/* A step that a person would choose, at least as long: 1s, 2s, 5s, 10s, ... 1h, 2h, 1d. */
int64_t timespan_nice(int64_t ms);

#endif
