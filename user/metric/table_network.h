/* SPDX-License-Identifier: Apache-2.0 */
/* Network interfaces, in the guest's direction. Rows as metric/table.h says. */
METRIC(VM, vm_nics_rx_bytes, "vm.nics.rx_bytes", GAUGE, DOUBLE, network.rx_bytes, "bytes/s", BASIC,
       NETWORK, "netlink, proc, libvirt",
       "Bytes a second that the guest received over all its interfaces.")
METRIC(VM, vm_nics_tx_bytes, "vm.nics.tx_bytes", GAUGE, DOUBLE, network.tx_bytes, "bytes/s", BASIC,
       NETWORK, "netlink, proc, libvirt",
       "Bytes a second that the guest sent over all its interfaces.")
METRIC(VM, vm_nics_dropped, "vm.nics.dropped", GAUGE, DOUBLE, network.dropped, "1/s", BASIC,
       NETWORK, "netlink, proc, libvirt",
       "Packets a second that were dropped on all interfaces of the guest, in both directions.")
METRIC(NIC, vm_network_rx_bytes, "vm.network.rx_bytes", GAUGE, DOUBLE, rate.rx_bytes, "bytes/s",
       STANDARD, NETWORK, "netlink, proc, libvirt", "Bytes a second that the guest received.")
METRIC(NIC, vm_network_tx_bytes, "vm.network.tx_bytes", GAUGE, DOUBLE, rate.tx_bytes, "bytes/s",
       STANDARD, NETWORK, "netlink, proc, libvirt", "Bytes a second that the guest sent.")
METRIC(NIC, vm_network_rx_packets, "vm.network.rx_packets", GAUGE, DOUBLE, rate.rx_packets, "1/s",
       STANDARD, NETWORK, "netlink, proc, libvirt",
       "Packets a second that the guest received; a packet is what the host handed over, with offloads many frames of the wire.")
METRIC(NIC, vm_network_tx_packets, "vm.network.tx_packets", GAUGE, DOUBLE, rate.tx_packets, "1/s",
       STANDARD, NETWORK, "netlink, proc, libvirt",
       "Packets a second that the guest sent; with offloads one can be many frames of the wire.")
METRIC(NIC, vm_network_rx_dropped, "vm.network.rx_dropped", GAUGE, DOUBLE, rate.rx_dropped, "1/s",
       STANDARD, NETWORK, "netlink, proc, libvirt",
       "Packets a second for the guest that were dropped, mostly as it did not fetch them in time.")
METRIC(NIC, vm_network_tx_dropped, "vm.network.tx_dropped", GAUGE, DOUBLE, rate.tx_dropped, "1/s",
       STANDARD, NETWORK, "netlink, proc, libvirt",
       "Packets a second of the guest that were dropped.")
METRIC(NIC, vm_network_rx_errors, "vm.network.rx_errors", GAUGE, DOUBLE, rate.rx_errors, "1/s",
       STANDARD, NETWORK, "netlink, proc, libvirt", "Errors a second in receiving.")
METRIC(NIC, vm_network_tx_errors, "vm.network.tx_errors", GAUGE, DOUBLE, rate.tx_errors, "1/s",
       STANDARD, NETWORK, "netlink, proc, libvirt", "Errors a second in sending.")
METRIC(NIC, vm_network_receive_bytes_total, "vm.network.receive_bytes_total", COUNTER, U64,
       count.rx_bytes, "bytes", STANDARD, NETWORK, "netlink, proc, libvirt",
       "Bytes that the guest received.")
METRIC(NIC, vm_network_transmit_bytes_total, "vm.network.transmit_bytes_total", COUNTER, U64,
       count.tx_bytes, "bytes", STANDARD, NETWORK, "netlink, proc, libvirt",
       "Bytes that the guest sent.")
METRIC(NIC, vm_network_receive_packets_total, "vm.network.receive_packets_total", COUNTER, U64,
       count.rx_packets, "count", DETAILED, NETWORK, "netlink, proc, libvirt",
       "Packets that the guest received.")
METRIC(NIC, vm_network_transmit_packets_total, "vm.network.transmit_packets_total", COUNTER, U64,
       count.tx_packets, "count", DETAILED, NETWORK, "netlink, proc, libvirt",
       "Packets that the guest sent.")
METRIC(NIC, vm_network_receive_drops_total, "vm.network.receive_drops_total", COUNTER, U64,
       count.rx_dropped, "count", STANDARD, NETWORK, "netlink, proc, libvirt",
       "Packets for the guest that were dropped.")
METRIC(NIC, vm_network_transmit_drops_total, "vm.network.transmit_drops_total", COUNTER, U64,
       count.tx_dropped, "count", STANDARD, NETWORK, "netlink, proc, libvirt",
       "Packets of the guest that were dropped.")
METRIC(NIC, vm_network_receive_errors_total, "vm.network.receive_errors_total", COUNTER, U64,
       count.rx_errors, "count", DETAILED, NETWORK, "netlink, proc, libvirt",
       "Errors in receiving.")
METRIC(NIC, vm_network_transmit_errors_total, "vm.network.transmit_errors_total", COUNTER, U64,
       count.tx_errors, "count", DETAILED, NETWORK, "netlink, proc, libvirt", "Errors in sending.")
METRIC(NIC, vm_network_rx_peak_1ms, "vm.network.rx_peak_1ms", GAUGE, DOUBLE, rx_peak_1ms, "bytes/s",
       DETAILED, NETWORK, "bpf",
       "Microburst: the highest rate at which the guest received within 1 ms of the last interval; time is cut into windows of that length by the clock.")
METRIC(NIC, vm_network_rx_peak_10ms, "vm.network.rx_peak_10ms", GAUGE, DOUBLE, rx_peak_10ms,
       "bytes/s", DETAILED, NETWORK, "bpf",
       "Microburst: the highest rate at which the guest received within 10 ms of the last interval; time is cut into windows of that length by the clock.")
METRIC(NIC, vm_network_tx_peak_1ms, "vm.network.tx_peak_1ms", GAUGE, DOUBLE, tx_peak_1ms, "bytes/s",
       DETAILED, NETWORK, "bpf",
       "Microburst: the highest rate at which the guest sent within 1 ms of the last interval; time is cut into windows of that length by the clock.")
METRIC(NIC, vm_network_tx_peak_10ms, "vm.network.tx_peak_10ms", GAUGE, DOUBLE, tx_peak_10ms,
       "bytes/s", DETAILED, NETWORK, "bpf",
       "Microburst: the highest rate at which the guest sent within 10 ms of the last interval; time is cut into windows of that length by the clock.")
METRIC(NIC_SIZE, vm_network_packets_by_size_total, "vm.network.packets_by_size_total", COUNTER, U64,
       packets, "count", DETAILED, NETWORK, "bpf",
       "Packets by their size in bytes with the Ethernet header, as the tap hands them over; one of more than 9018 bytes is many frames of the wire.")
METRIC(NIC_DROP, vm_network_drops_by_reason_total, "vm.network.drops_by_reason_total", COUNTER, U64,
       packets, "count", DIAGNOSTIC, NETWORK, "bpf",
       "Packets of the tap that the kernel dropped, in either direction, by the name that it gives the reason.")
