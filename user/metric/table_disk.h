/* SPDX-License-Identifier: Apache-2.0 */
/* Disks: all of a VM, each of them, and the host's devices below. Rows as metric/table.h says. */
METRIC(VM, vm_disks_read_iops, "vm.disks.read_iops", GAUGE, DOUBLE, disk_rate.read_iops, "1/s",
       BASIC, IOPS, "libvirt, bpf", "Reads a second of all disks of the VM.")
METRIC(VM, vm_disks_write_iops, "vm.disks.write_iops", GAUGE, DOUBLE, disk_rate.write_iops, "1/s",
       BASIC, IOPS, "libvirt, bpf", "Writes a second of all disks of the VM.")
METRIC(VM, vm_disks_read_throughput, "vm.disks.read_throughput", GAUGE, DOUBLE,
       disk_rate.read_throughput, "bytes/s", BASIC, DISK, "libvirt, bpf",
       "Bytes a second that the VM reads from all its disks.")
METRIC(VM, vm_disks_write_throughput, "vm.disks.write_throughput", GAUGE, DOUBLE,
       disk_rate.write_throughput, "bytes/s", BASIC, DISK, "libvirt, bpf",
       "Bytes a second that the VM writes to all its disks.")
METRIC(DISK, vm_disk_read_iops, "vm.disk.read_iops", GAUGE, DOUBLE, rate.read_iops, "1/s", STANDARD,
       IOPS, "libvirt, bpf", "Reads of the disk a second.")
METRIC(DISK, vm_disk_write_iops, "vm.disk.write_iops", GAUGE, DOUBLE, rate.write_iops, "1/s",
       STANDARD, IOPS, "libvirt, bpf", "Writes of the disk a second.")
METRIC(DISK, vm_disk_read_throughput, "vm.disk.read_throughput", GAUGE, DOUBLE,
       rate.read_throughput, "bytes/s", STANDARD, DISK, "libvirt, bpf",
       "Bytes a second that the guest reads from the disk.")
METRIC(DISK, vm_disk_write_throughput, "vm.disk.write_throughput", GAUGE, DOUBLE,
       rate.write_throughput, "bytes/s", STANDARD, DISK, "libvirt, bpf",
       "Bytes a second that the guest writes to the disk.")
METRIC(DISK, vm_disk_read_latency, "vm.disk.read_latency", GAUGE, DOUBLE, rate.read_ms, "ms",
       STANDARD, DISK, "libvirt",
       "Mean time of the reads of the last interval, as the disk of the guest sees it.")
METRIC(DISK, vm_disk_write_latency, "vm.disk.write_latency", GAUGE, DOUBLE, rate.write_ms, "ms",
       STANDARD, DISK, "libvirt",
       "Mean time of the writes of the last interval, as the disk of the guest sees it.")
METRIC(DISK, vm_disk_flush_latency, "vm.disk.flush_latency", GAUGE, DOUBLE, rate.flush_ms, "ms",
       DETAILED, DISK, "libvirt",
       "Mean time of the flushes of the last interval, as the disk of the guest sees it.")
METRIC(DISK, vm_disk_flush_rate, "vm.disk.flush_rate", GAUGE, DOUBLE, rate.flush_iops, "1/s",
       DETAILED, IOPS, "libvirt, bpf", "Flushes of the disk a second.")
METRIC(DISK, vm_disk_reads_total, "vm.disk.reads_total", COUNTER, U64, io.reads, "count", STANDARD,
       IOPS, "libvirt, bpf", "Reads of the disk.")
METRIC(DISK, vm_disk_writes_total, "vm.disk.writes_total", COUNTER, U64, io.writes, "count",
       STANDARD, IOPS, "libvirt, bpf", "Writes of the disk.")
METRIC(DISK, vm_disk_flushes_total, "vm.disk.flushes_total", COUNTER, U64, io.flushes, "count",
       STANDARD, IOPS, "libvirt, bpf", "Flushes of the disk: the guest wanted its data to be safe.")
METRIC(DISK, vm_disk_read_bytes_total, "vm.disk.read_bytes_total", COUNTER, U64, io.read_bytes,
       "bytes", STANDARD, DISK, "libvirt, bpf", "Bytes that the guest has read from the disk.")
METRIC(DISK, vm_disk_write_bytes_total, "vm.disk.write_bytes_total", COUNTER, U64, io.write_bytes,
       "bytes", STANDARD, DISK, "libvirt, bpf", "Bytes that the guest has written to the disk.")
METRIC(DISK, vm_disk_read_seconds_total, "vm.disk.read_seconds_total", COUNTER, NS, io.read_ns,
       "seconds", STANDARD, DISK, "libvirt", "Time of all reads, as the disk of the guest sees it.")
METRIC(DISK, vm_disk_write_seconds_total, "vm.disk.write_seconds_total", COUNTER, NS, io.write_ns,
       "seconds", STANDARD, DISK, "libvirt",
       "Time of all writes, as the disk of the guest sees it.")
METRIC(DISK, vm_disk_flush_seconds_total, "vm.disk.flush_seconds_total", COUNTER, NS, io.flush_ns,
       "seconds", DETAILED, DISK, "libvirt",
       "Time of all flushes, as the disk of the guest sees it.")
METRIC(SPACE, vm_disk_usage_percent, "vm.disk.usage_percent", GAUGE, DOUBLE, percent, "percent",
       STANDARD, DISK, "guest agent, libvirt, proc",
       "Used space in percent of the size, of a file system inside the guest or of the image of a disk.")
METRIC(SPACE, vm_disk_used, "vm.disk.used", GAUGE, U64, used, "bytes", STANDARD, DISK,
       "guest agent, libvirt, proc",
       "Space in use: of a file system inside the guest, or what the image of a disk takes on the host.")
METRIC(SPACE, vm_disk_size, "vm.disk.size", GAUGE, U64, size, "bytes", STANDARD, DISK,
       "guest agent, libvirt, proc",
       "Size of a file system inside the guest, or of a disk as the guest sees it.")
