/* SPDX-License-Identifier: Apache-2.0 */
/* Every value of a snapshot for people: a line each, the host's first, then VM by VM. */
#ifndef KVMLENS_EXPORT_TABLE_H
#define KVMLENS_EXPORT_TABLE_H

#include "metric/model.h"
#include "util/textbuf.h"

/*
 * Append the table. A histogram is shown by its count, mean and quantiles. Nothing that a VM is
 * called can move the cursor of a terminal, as label values are clean.
 */
void table_render(const struct kvmlens_snapshot *snapshot, struct textbuf *out);

#endif
