/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's network interfaces, as entities of a snapshot: see metric/model.h. */
#ifndef KVMLENS_METRIC_NETWORK_H
#define KVMLENS_METRIC_NETWORK_H

#include <stdint.h>

struct labels;

/* In the guest's direction: what the guest receives is rx. */
struct nic_counters {
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

/* Per second. */
struct nic_rates {
	double rx_bytes, rx_packets, rx_errors, rx_dropped;
	double tx_bytes, tx_packets, tx_errors, tx_dropped;
};

struct snap_nic {
	struct labels *labels; /* vm, uuid, nic */
	uint64_t mono_ns; /* when the counters were read */
	struct nic_counters count;
	struct nic_rates rate;
	double rx_peak_1ms, rx_peak_10ms, tx_peak_1ms, tx_peak_10ms; /* bytes per second */
};

/* Packets of one size, and one direction of the guest. */
struct snap_nic_size {
	struct labels *labels; /* vm, uuid, nic, direction, size */
	uint64_t packets;
};

struct snap_nic_drop {
	struct labels *labels; /* vm, uuid, nic, reason */
	uint64_t packets;
};

/* Of all interfaces of a VM together, per second. */
struct snap_network {
	double rx_bytes, tx_bytes, dropped;
};

#endif
