/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All metrics. The includer defines
 *	METRIC(scope, id, name, kind, type, field, unit, level, group, source, help)
 * where id is the Prometheus name, field a member of the scope's entity, and group one of
 * enum kvmlens_group without its prefix, or NONE. Rules, which test_metric checks: id is the name
 * with underscores for dots; a counter, and nothing else, ends in _total and has base units; a
 * counter without its _total is no other metric's name (OpenMetrics calls the family so); names of
 * the specification are gauges in the specification's units. Two of those, vm.memory.total and
 * vm.memory.swap_total, would look like counters, so that their ids end in _bytes.
 */
#include "metric/table_vm.h"
#include "metric/table_cpu.h"
#include "metric/table_core.h"
#include "metric/table_guest.h"
#include "metric/table_network.h"
#include "metric/table_process.h"
#include "metric/table_disk.h"
#include "metric/table_memory.h"
#include "metric/table_kvm.h"
#include "metric/table_blame.h"
#include "metric/table_stall.h"
#include "metric/table_insight.h"
#include "metric/table_host.h"
#include "metric/table_store.h"
#include "metric/table_notify.h"
#include "metric/table_alert.h"
#include "metric/table_self.h"
