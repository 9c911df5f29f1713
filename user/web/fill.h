/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVMLENS_WEB_FILL_H
#define KVMLENS_WEB_FILL_H

#include "metric/model.h"

/* A collector_fill_fn: what there is to say about web, a struct web, in a snapshot. */
void web_fill(void *web, struct kvmlens_snapshot *snapshot);

#endif
