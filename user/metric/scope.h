/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind of entity in a snapshot: X(SCOPE, entity type, array, name, labels). This is the
 * one place to add a scope: the enum, the walks, the freeing of a snapshot and the catalogue
 * follow from it. An entity begins with its labels, on which it owns a reference, and owns
 * nothing else.
 */
#ifndef KVMLENS_METRIC_SCOPE_H
#define KVMLENS_METRIC_SCOPE_H

/* Arrays of struct kvmlens_snapshot. */
#define METRIC_SCOPES_HOST(X)                                                      \
	X(BUILD, struct snap_build, build, "build", "version, node, level")        \
	X(SELF, struct snap_self, self, "self", "")                                \
	X(LOSS, struct snap_loss, losses, "loss", "reason")                        \
	X(REFUSAL, struct snap_refusal, refusals, "refusal", "owner, reason")      \
	X(FEATURE, struct snap_feature, features, "feature", "feature")            \
	X(PROVIDER, struct snap_provider, providers, "provider", "provider")       \
	X(WEB, struct snap_web, webs, "web", "")                                   \
	X(STORE, struct snap_store, stores, "store", "")                           \
	X(NOTIFY, struct snap_notify, notifies, "notify", "channel")               \
	X(ALERTS, struct snap_alerts, alerts, "alerts", "")                        \
	X(HOST, struct snap_host, hosts, "host", "")                               \
	X(HOST_MODE, struct snap_host_mode, host_modes, "mode", "mode")            \
	X(HOST_CPU, struct snap_host_cpu, host_cpus, "cpu", "cpu")                 \
	X(NODE, struct snap_node, nodes, "node", "node")                           \
	X(PRESSURE, struct snap_pressure, pressures, "pressure", "resource, kind") \
	X(HUGE, struct snap_huge, huge_pages, "hugepages", "size")                 \
	X(VM_STATE, struct snap_vm_state, vm_states, "state", "state")

/* Arrays of struct snap_vm. */
#define METRIC_SCOPES_VM(X)                                                                        \
	X(INFO, struct snap_info, info, "info", "vm, uuid, ...")                                   \
	X(SOURCE, struct snap_source, sources, "source", "vm, uuid, source")                       \
	X(LEFT_OUT, struct snap_left_out, left_out, "left_out", "vm, uuid, what")                  \
	X(VCPU, struct snap_vcpu, cpus, "vcpu", "vm, uuid, vcpu")                                  \
	X(ROLE, struct snap_role, roles, "role", "vm, uuid, role")                                 \
	X(EXIT, struct snap_exit, exits, "exit", "vm, uuid, reason")                               \
	X(DISK, struct snap_disk, disks, "disk", "vm, uuid, disk")                                 \
	X(DEVICE, struct snap_device, devices, "device", "vm, uuid, device")                       \
	X(SPACE, struct snap_space, spaces, "space", "vm, uuid, disk, kind, mount, fstype")        \
	X(CARD, struct snap_card, cards, "card", "vm, uuid, interface, mac")                       \
	X(GUEST_OS, struct snap_info, guest_os, "guest_os", "vm, uuid, os, kernel")                \
	X(VM_NODE, struct snap_vm_node, memory_nodes, "vm_node", "vm, uuid, node")                 \
	X(PROCESS, struct snap_process, processes, "process", "vm, uuid, pid, comm, cgroup")       \
	X(NIC, struct snap_nic, nics, "nic", "vm, uuid, nic")                                      \
	X(NIC_SIZE, struct snap_nic_size, nic_sizes, "size", "vm, uuid, nic, direction, size")     \
	X(NIC_DROP, struct snap_nic_drop, nic_drops, "drop", "vm, uuid, nic, reason")              \
	X(BLAME, struct snap_blame, blames, "blame", "vm, uuid, by")                               \
	X(CAUSE, struct snap_cause, causes, "cause", "vm, uuid, cause")                            \
	X(AGGRESSOR, struct snap_aggressor, aggressors, "aggressor", "vm, uuid, by")               \
	X(ALERT, struct snap_alert, alerts, "alert", "vm, uuid, rule, severity")                   \
	X(ANOMALY, struct snap_anomaly, anomalies, "anomaly", "vm, uuid")                          \
	X(CONTRIBUTION, struct snap_contribution, contributions, "contribution",                   \
	  "vm, uuid, metric, ...")                                                                 \
	X(TREND, struct snap_trend, trends, "trend", "vm, uuid, metric, window, ...")              \
	X(FORECAST, struct snap_forecast, forecasts, "forecast", "vm, uuid, metric, ...")          \
	X(FULL, struct snap_full, fulls, "full", "vm, uuid, metric, ...")                          \
	X(STALL, struct snap_stall, stalls, "stall", "vm, uuid, cause")                            \
	X(STALL_EVENT, struct snap_stall_event, stall_events, "stall_event", "vm, uuid, n, cause") \
	X(DOWN, struct snap_down, downs, "down", "vm, uuid, reason")

#endif
