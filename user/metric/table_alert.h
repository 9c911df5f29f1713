/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts, of a VM and all together. Rows as metric/table.h says. */
METRIC(ALERT, vm_alert_firing, "vm.alert.firing", GAUGE, U64, firing, "bool", DETAILED, NONE,
       "rules",
       "1 while an alert of this rule fires for the VM, 0 while its values are missing; the 16 most severe rules.")
METRIC(ALERTS, kvmlens_alerts_rules, "kvmlens.alerts.rules", GAUGE, U64, rules, "count", STANDARD,
       NONE, "kvmlens", "Alert rules that are looked at.")
METRIC(ALERTS, kvmlens_alerts_pending, "kvmlens.alerts.pending", GAUGE, U64, pending, "count",
       STANDARD, NONE, "kvmlens", "Alerts whose condition holds, but not for long enough yet.")
METRIC(ALERTS, kvmlens_alerts_firing, "kvmlens.alerts.firing", GAUGE, U64, firing, "count", BASIC,
       NONE, "kvmlens", "Alerts that fire.")
METRIC(ALERTS, kvmlens_alerts_nodata, "kvmlens.alerts.nodata", GAUGE, U64, nodata, "count",
       STANDARD, NONE, "kvmlens", "Alerts whose values are missing.")
METRIC(ALERTS, kvmlens_alerts_fired_total, "kvmlens.alerts.fired_total", COUNTER, U64, fired,
       "count", BASIC, NONE, "kvmlens", "Times that an alert began to fire.")
METRIC(ALERTS, kvmlens_alerts_resolved_total, "kvmlens.alerts.resolved_total", COUNTER, U64,
       resolved, "count", BASIC, NONE, "kvmlens", "Times that an alert was resolved.")
METRIC(ALERTS, kvmlens_alerts_lost_total, "kvmlens.alerts.lost_total", COUNTER, U64, lost, "count",
       BASIC, NONE, "kvmlens",
       "Changes of alerts that the store did not take in time, and alerts beyond the limit.")
METRIC(ALERTS, kvmlens_alerts_seconds_total, "kvmlens.alerts.seconds_total", COUNTER, NS, cpu_ns,
       "seconds", STANDARD, NONE, "kvmlens", "CPU time that looking at the rules took.")
