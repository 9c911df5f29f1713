/* SPDX-License-Identifier: Apache-2.0 */
/* The history store about itself. Rows as metric/table.h says. */
METRIC(STORE, kvmlens_store_up, "kvmlens.store.up", GAUGE, U64, up, "bool", BASIC, NONE, "kvmlens",
       "1 when the last write to the history store succeeded.")
METRIC(STORE, kvmlens_store_ticks_total, "kvmlens.store.ticks_total", COUNTER, U64, ticks, "count",
       BASIC, NONE, "kvmlens", "Snapshots written to the history store.")
METRIC(STORE, kvmlens_store_ticks_dropped_total, "kvmlens.store.ticks_dropped_total", COUNTER, U64,
       ticks_dropped, "count", BASIC, NONE, "kvmlens",
       "Snapshots that were not kept: the queue was full, or the file could not be written.")
METRIC(STORE, kvmlens_store_jobs_refused_total, "kvmlens.store.jobs_refused_total", COUNTER, U64,
       jobs_refused, "count", STANDARD, NONE, "kvmlens",
       "Jobs of other parts that the store's full queue turned away.")
METRIC(STORE, kvmlens_store_failures_total, "kvmlens.store.failures_total", COUNTER, U64, failures,
       "count", BASIC, NONE, "kvmlens", "Failures of the history store, of any kind.")
METRIC(STORE, kvmlens_store_set_aside_total, "kvmlens.store.set_aside_total", COUNTER, U64,
       set_aside, "count", BASIC, NONE, "kvmlens",
       "Damaged files that were kept under another name and replaced.")
METRIC(STORE, kvmlens_store_series_refused_total, "kvmlens.store.series_refused_total", COUNTER,
       U64, series_refused, "count", STANDARD, NONE, "kvmlens",
       "Values that were not kept because their VM has too many series.")
METRIC(STORE, kvmlens_store_replaced_total, "kvmlens.store.replaced_total", COUNTER, U64, replaced,
       "count", BASIC, NONE, "kvmlens",
       "Times that the store's file or its log was found removed or replaced by somebody else.")
METRIC(STORE, kvmlens_store_gone_vms_dropped_total, "kvmlens.store.gone_vms_dropped_total", COUNTER,
       U64, gone_vms, "count", STANDARD, NONE, "kvmlens",
       "VMs no longer there whose history left because the file had reached its limit.")
METRIC(STORE, kvmlens_store_gone_rows_dropped_total, "kvmlens.store.gone_rows_dropped_total",
       COUNTER, U64, gone_rows, "count", STANDARD, NONE, "kvmlens",
       "Rows of VMs no longer there that left because the file had reached its limit.")
METRIC(STORE, kvmlens_store_rows_dropped_total, "kvmlens.store.rows_dropped_total", COUNTER, U64,
       squeezed, "count", STANDARD, NONE, "kvmlens",
       "Rows of VMs still there that left before their age because the file had reached its limit.")
METRIC(STORE, kvmlens_store_bytes, "kvmlens.store.bytes", GAUGE, U64, bytes, "bytes", BASIC, NONE,
       "kvmlens", "Size of the history store's file.")
METRIC(STORE, kvmlens_store_waiting, "kvmlens.store.waiting", GAUGE, U64, waiting, "count",
       STANDARD, NONE, "kvmlens", "Snapshots and jobs that wait to be written.")
METRIC(STORE, kvmlens_store_cpu_seconds_total, "kvmlens.store.cpu_seconds_total", COUNTER, NS,
       cpu_ns, "seconds", STANDARD, NONE, "kvmlens", "CPU time of the store's writer.")
