/* SPDX-License-Identifier: Apache-2.0 */
/* Disks: all of a VM, each of them, and the host's devices below. Rows as metric/table.h says. */
METRIC(VM, vm_disks_read_iops, "vm.disks.read_iops", GAUGE, DOUBLE, disk_rate.read_iops, "1/s",
       BASIC, IOPS, "libvirt", "Reads a second of all disks of the VM, as its VMM counts them.")
METRIC(VM, vm_disks_write_iops, "vm.disks.write_iops", GAUGE, DOUBLE, disk_rate.write_iops, "1/s",
       BASIC, IOPS, "libvirt", "Writes a second of all disks of the VM, as its VMM counts them.")
METRIC(VM, vm_disks_read_throughput, "vm.disks.read_throughput", GAUGE, DOUBLE,
       disk_rate.read_throughput, "bytes/s", BASIC, DISK, "libvirt",
       "Bytes a second that the VM reads from all its disks, as its VMM counts them.")
METRIC(VM, vm_disks_write_throughput, "vm.disks.write_throughput", GAUGE, DOUBLE,
       disk_rate.write_throughput, "bytes/s", BASIC, DISK, "libvirt",
       "Bytes a second that the VM writes to all its disks, as its VMM counts them.")
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
       "Used space of a file system inside the guest, as df shows it, or the blocks of an image in percent of the size of its disk, at most 100. Absent for what cannot be written: it is never full.")
METRIC(SPACE, vm_disk_used, "vm.disk.used", GAUGE, U64, used, "bytes", STANDARD, DISK,
       "guest agent, libvirt, proc",
       "Space in use: of a file system inside the guest, or the blocks that the host has given to the image of a disk, as du shows them. Absent for block devices and network disks.")
METRIC(SPACE, vm_disk_size, "vm.disk.size", GAUGE, U64, size, "bytes", STANDARD, DISK,
       "guest agent, libvirt, proc",
       "Size of a file system inside the guest, as df shows it, or of a disk as the guest sees it.")
METRIC(VM, vm_disks_job, "vm.disks.job", GAUGE, U64, block_job, "bool", DETAILED, DISK, "libvirt",
       "1 while libvirt backs a disk of the VM up, copies or commits it.")
METRIC(VM, vm_disks_guest_latency, "vm.disks.guest_latency", GAUGE, DOUBLE, disk_ms, "ms", STANDARD,
       DISK, "libvirt",
       "Mean time of the reads and writes of the last interval, as the disks of the guest saw it.")
METRIC(VM, vm_disks_device_latency, "vm.disks.device_latency", GAUGE, DOUBLE, device_ms, "ms",
       STANDARD, DISK, "bpf",
       "Mean time that the devices of the host took for the requests of the VM in the last interval.")
METRIC(VM, vm_disks_queue_latency, "vm.disks.queue_latency", GAUGE, DOUBLE, queue_ms, "ms",
       STANDARD, DISK, "libvirt, bpf",
       "The difference of the two: time in the VMM and in the queues of the host. 0 where the page cache of the host answers for a slower device.")
METRIC(DEVICE, vm_disk_device_read_iops, "vm.disk.device.read_iops", GAUGE, DOUBLE, rate.read_iops,
       "1/s", DETAILED, IOPS, "bpf", "Reads of the VM a second that the device of the host served.")
METRIC(DEVICE, vm_disk_device_write_iops, "vm.disk.device.write_iops", GAUGE, DOUBLE,
       rate.write_iops, "1/s", DETAILED, IOPS, "bpf",
       "Writes of the VM a second that the device of the host served.")
METRIC(DEVICE, vm_disk_device_read_throughput, "vm.disk.device.read_throughput", GAUGE, DOUBLE,
       rate.read_throughput, "bytes/s", DETAILED, DISK, "bpf",
       "Bytes a second that the VM reads from the device of the host.")
METRIC(DEVICE, vm_disk_device_write_throughput, "vm.disk.device.write_throughput", GAUGE, DOUBLE,
       rate.write_throughput, "bytes/s", DETAILED, DISK, "bpf",
       "Bytes a second that the VM writes to the device of the host.")
METRIC(DEVICE, vm_disk_device_read_latency, "vm.disk.device.read_latency", GAUGE, DOUBLE,
       rate.read_ms, "ms", DETAILED, DISK, "bpf",
       "Mean time of the reads of the last interval, from issue to completion.")
METRIC(DEVICE, vm_disk_device_write_latency, "vm.disk.device.write_latency", GAUGE, DOUBLE,
       rate.write_ms, "ms", DETAILED, DISK, "bpf",
       "Mean time of the writes of the last interval, from issue to completion.")
METRIC(DEVICE, vm_disk_device_max_latency, "vm.disk.device.max_latency", GAUGE, DOUBLE, max_ms,
       "ms", DETAILED, DISK, "bpf",
       "Time of the longest request of the last interval, from issue to completion.")
METRIC(DEVICE, vm_disk_device_read_bytes_total, "vm.disk.device.read_bytes_total", COUNTER, U64,
       io.read_bytes, "bytes", DETAILED, DISK, "bpf",
       "Bytes that the VM has read from the device of the host.")
METRIC(DEVICE, vm_disk_device_write_bytes_total, "vm.disk.device.write_bytes_total", COUNTER, U64,
       io.write_bytes, "bytes", DETAILED, DISK, "bpf",
       "Bytes that the VM has written to the device of the host.")
METRIC(DEVICE, vm_disk_device_reads_total, "vm.disk.device.reads_total", COUNTER, U64, io.reads,
       "count", DETAILED, IOPS, "bpf", "Reads of the VM that the device of the host served.")
METRIC(DEVICE, vm_disk_device_writes_total, "vm.disk.device.writes_total", COUNTER, U64, io.writes,
       "count", DETAILED, IOPS, "bpf", "Writes of the VM that the device of the host served.")
METRIC(DEVICE, vm_disk_device_flushes_total, "vm.disk.device.flushes_total", COUNTER, U64,
       io.flushes, "count", DETAILED, IOPS, "bpf",
       "Flushes of the VM that the device of the host served.")
METRIC(DEVICE, vm_disk_device_others_total, "vm.disk.device.others_total", COUNTER, U64, others,
       "count", DETAILED, IOPS, "bpf", "Requests of the VM of any other kind, discards above all.")
METRIC(DEVICE, vm_disk_device_errors_total, "vm.disk.device.errors_total", COUNTER, U64, errors,
       "count", DETAILED, DISK, "bpf", "Requests of the VM that failed on the device of the host.")
METRIC(DEVICE, vm_disk_device_read_seconds, "vm.disk.device.read_seconds", HISTOGRAM, HIST,
       read_hist, "seconds", DETAILED, DISK, "bpf",
       "Reads of the VM, from issue to completion by the device.")
METRIC(DEVICE, vm_disk_device_write_seconds, "vm.disk.device.write_seconds", HISTOGRAM, HIST,
       write_hist, "seconds", DETAILED, DISK, "bpf",
       "Writes of the VM, from issue to completion by the device.")
METRIC(DEVICE, vm_disk_device_flush_seconds, "vm.disk.device.flush_seconds", HISTOGRAM, HIST,
       flush_hist, "seconds", DIAGNOSTIC, DISK, "bpf",
       "Flushes of the VM, from issue to completion by the device.")
METRIC(HOST, host_disk_unattributed_requests_total, "host.disk.unattributed_requests_total",
       COUNTER, U64, block_requests, "count", STANDARD, IOPS, "bpf",
       "Requests to the block devices of the host that are no VM's, or cannot be told to be one's.")
METRIC(HOST, host_disk_unattributed_bytes_total, "host.disk.unattributed_bytes_total", COUNTER, U64,
       block_bytes, "bytes", STANDARD, DISK, "bpf", "Bytes of those requests.")
