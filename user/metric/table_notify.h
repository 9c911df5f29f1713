/* SPDX-License-Identifier: Apache-2.0 */
/* The delivery of alerts about itself. Rows as metric/table.h says. */
METRIC(NOTIFY, kvmlens_notify_up, "kvmlens.notify.up", GAUGE, U64, up, "bool", BASIC, NONE,
       "kvmlens", "1 when the last attempt to deliver through this channel succeeded.")
METRIC(NOTIFY, kvmlens_notify_waiting, "kvmlens.notify.waiting", GAUGE, U64, waiting, "count",
       BASIC, NONE, "kvmlens", "Alerts that wait to be delivered through this channel.")
METRIC(NOTIFY, kvmlens_notify_oldest_age, "kvmlens.notify.oldest_age", GAUGE, DOUBLE, oldest_age,
       "seconds", BASIC, NONE, "kvmlens", "How long the oldest of them has waited.")
METRIC(NOTIFY, kvmlens_notify_messages_total, "kvmlens.notify.messages_total", COUNTER, U64,
       messages, "count", BASIC, NONE, "kvmlens", "Messages delivered, since the store was made.")
METRIC(NOTIFY, kvmlens_notify_alerts_total, "kvmlens.notify.alerts_total", COUNTER, U64, alerts,
       "count", BASIC, NONE, "kvmlens", "Alerts that were in these messages.")
METRIC(NOTIFY, kvmlens_notify_failures_total, "kvmlens.notify.failures_total", COUNTER, U64,
       failures, "count", BASIC, NONE, "kvmlens",
       "Attempts to deliver that failed, since the start.")
METRIC(NOTIFY, kvmlens_notify_dropped_total, "kvmlens.notify.dropped_total", COUNTER, U64, dropped,
       "count", BASIC, NONE, "kvmlens",
       "Alerts that were never delivered: the queue was full, or they had waited too long.")
METRIC(NOTIFY, kvmlens_notify_refused_total, "kvmlens.notify.refused_total", COUNTER, U64, refused,
       "count", BASIC, NONE, "kvmlens", "Alerts whose message the endpoint refused as such.")
