/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded JSON lines (export/json.h) as snapshots again, so that what looks at snapshots can be
 * tried on the past. Foreign bytes: lines are bounded, unknown names and wrong types left out.
 */
#ifndef KVMLENS_ALERT_REPLAY_H
#define KVMLENS_ALERT_REPLAY_H

#include <stdio.h>
#include "metric/metric.h"

#define REPLAY_LINE_MAX (16 * 1024 * 1024)
#define REPLAY_VMS_MAX 16384
#define REPLAY_ENTITIES_MAX 4096 /* of one scope */

/* With each snapshot in turn, which lives until it returns. Non-zero ends the replay. */
typedef int (*replay_fn)(void *arg, const struct kvmlens_snapshot *snapshot);

/*
 * -EBADMSG: a line is no object of ours, *ret_line says which, as it does for -EMSGSIZE; else what
 * fn returned or reading failed with.
 */
int replay_file(FILE *file, replay_fn fn, void *arg, unsigned *ret_line);

#endif
