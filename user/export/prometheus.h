/* SPDX-License-Identifier: Apache-2.0 */
/* The text format 0.0.4 of Prometheus, and OpenMetrics 1.0. */
#ifndef KVMLENS_EXPORT_PROMETHEUS_H
#define KVMLENS_EXPORT_PROMETHEUS_H

#include "metric/model.h"
#include "util/textbuf.h"

#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/*
 * Append every value that the snapshot shows. Counters of nanoseconds come out as exact seconds;
 * an unknown value is left out, and so is a metric that has none.
 */
void prometheus_render(const struct kvmlens_snapshot *snapshot, struct textbuf *out);
void openmetrics_render(const struct kvmlens_snapshot *snapshot, struct textbuf *out);

#endif
