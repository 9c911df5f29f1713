/* SPDX-License-Identifier: Apache-2.0 */
/* What the store says of itself, in every snapshot. */
#ifndef KVMLENS_STORE_FILL_H
#define KVMLENS_STORE_FILL_H

#include <kvmlens.h>

/* A collector_fill_fn; store is a struct store. Never blocks on the file. */
void store_fill(void *store, struct kvmlens_snapshot *snapshot);

#endif
