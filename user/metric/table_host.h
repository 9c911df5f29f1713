/* SPDX-License-Identifier: Apache-2.0 */
/* The host. Rows as metric/table.h says. */
METRIC(HOST, host_cpu_online, "host.cpu.online", GAUGE, U64, cpus, "count", BASIC, NONE, "sysfs",
       "CPUs of the host that are online.")
METRIC(HOST, host_cpu_overcommit, "host.cpu.overcommit", GAUGE, DOUBLE, overcommit, "ratio", BASIC,
       NONE, "kvmlens", "vCPUs of all VMs for each online CPU.")
METRIC(HOST, host_vms, "host.vms", GAUGE, U64, vms, "count", BASIC, NONE, "kernel, libvirt, proc",
       "VMs on the host, those that are down left out.")
METRIC(HOST, host_vcpus, "host.vcpus", GAUGE, U64, vcpus, "count", BASIC, NONE,
       "kernel, libvirt, proc", "vCPUs of all VMs on the host.")
METRIC(HOST, host_cpu_usage, "host.cpu.usage", GAUGE, DOUBLE, cpu_usage, "percent", BASIC, CPU,
       "/proc/stat", "Time that the CPUs of the host were busy, in percent of all of them.")
METRIC(HOST, host_cpu_idle, "host.cpu.idle", GAUGE, DOUBLE, cpu_idle, "percent", BASIC, CPU,
       "/proc/stat",
       "Time that the CPUs of the host were idle, in percent of all of them; waiting for a disk is idle.")
METRIC(HOST, host_cpu_vms_time, "host.cpu.vms_time", GAUGE, DOUBLE, cpu_vms, "percent", BASIC, CPU,
       "bpf, schedstat", "CPU time of all threads of VMs, in percent of all CPUs of the host.")
METRIC(HOST, host_cpu_own_time, "host.cpu.own_time", GAUGE, DOUBLE, cpu_own, "percent", BASIC, CPU,
       "/proc/stat, bpf",
       "CPU time that the host takes for itself, which is everything that is no VM, in percent of all its CPUs.")
METRIC(HOST, host_cpu_vms_seconds_total, "host.cpu.vms_seconds_total", COUNTER, NS, vms_run_ns,
       "seconds", STANDARD, CPU, "bpf, schedstat",
       "CPU time of all threads of VMs since kvmlens was started.")
METRIC(HOST_MODE, host_cpu_seconds_total, "host.cpu.seconds_total", COUNTER, NS, ns, "seconds",
       STANDARD, CPU, "/proc/stat",
       "Time of all CPUs of the host by mode; user and nice contain guest and guest_nice.")
METRIC(HOST_CPU, host_cpu_core_usage, "host.cpu.core.usage", GAUGE, DOUBLE, usage, "percent",
       DETAILED, CPU, "/proc/stat", "Time that the CPU was busy, in percent.")
METRIC(HOST_CPU, host_cpu_core_idle, "host.cpu.core.idle", GAUGE, DOUBLE, idle, "percent", DETAILED,
       CPU, "/proc/stat", "Time that the CPU was idle, in percent.")
METRIC(HOST_CPU, host_cpu_core_idle_seconds_total, "host.cpu.core.idle_seconds_total", COUNTER, NS,
       time.idle, "seconds", DETAILED, CPU, "/proc/stat",
       "Time that the CPU was idle and nothing waited for a disk.")
METRIC(NODE, host_node_cpu_usage, "host.node.cpu_usage", GAUGE, DOUBLE, usage, "percent", STANDARD,
       CPU, "/proc/stat, /sys/devices/system/node",
       "Time that the CPUs of the NUMA node were busy, in percent of all of them.")
METRIC(NODE, host_node_cpu_idle, "host.node.cpu_idle", GAUGE, DOUBLE, idle, "percent", STANDARD,
       CPU, "/proc/stat, /sys/devices/system/node",
       "Time that the CPUs of the NUMA node were idle, in percent of all of them.")
METRIC(NODE, host_node_memory_size, "host.node.memory_size", GAUGE, U64, mem_total, "bytes",
       STANDARD, MEMORY, "/sys/devices/system/node", "Memory of the NUMA node.")
METRIC(NODE, host_node_memory_used, "host.node.memory_used", GAUGE, U64, mem_used, "bytes",
       STANDARD, MEMORY, "/sys/devices/system/node",
       "Memory of the NUMA node that is used for anything, caches included.")
METRIC(NODE, host_node_memory_free, "host.node.memory_free", GAUGE, U64, mem_free, "bytes",
       STANDARD, MEMORY, "/sys/devices/system/node",
       "Memory of the NUMA node that is used for nothing at all.")
METRIC(PRESSURE, host_pressure_stalled, "host.pressure.stalled", GAUGE, DOUBLE, percent, "percent",
       BASIC, NONE, "/proc/pressure",
       "Time of the last interval in which some task of the host, or all of them (full), waited for the resource, in percent.")
METRIC(PRESSURE, host_pressure_stalled_seconds_total, "host.pressure.stalled_seconds_total",
       COUNTER, NS, ns, "seconds", STANDARD, NONE, "/proc/pressure",
       "Time in which some task of the host, or all of them (full), waited for the resource.")
METRIC(HOST, host_memory_size, "host.memory.size", GAUGE, U64, memory.total, "bytes", BASIC, MEMORY,
       "/proc/meminfo", "Memory of the host.")
METRIC(HOST, host_memory_used, "host.memory.used", GAUGE, U64, memory.used, "bytes", BASIC, MEMORY,
       "/proc/meminfo", "Memory of the host that is in use: size less available.")
METRIC(HOST, host_memory_usage_percent, "host.memory.usage_percent", GAUGE, DOUBLE, memory.percent,
       "percent", BASIC, MEMORY, "/proc/meminfo", "Used memory of the host in percent of its size.")
METRIC(HOST, host_memory_available, "host.memory.available", GAUGE, U64, memory.available, "bytes",
       BASIC, MEMORY, "/proc/meminfo",
       "Memory that the host could give to programs without swapping, by its kernel's own estimate.")
METRIC(HOST, host_memory_free, "host.memory.free", GAUGE, U64, memory.free, "bytes", STANDARD,
       MEMORY, "/proc/meminfo", "Memory of the host that is used for nothing at all.")
METRIC(HOST, host_memory_cached, "host.memory.cached", GAUGE, U64, memory.cached, "bytes", STANDARD,
       MEMORY, "/proc/meminfo", "Memory of the host that holds contents of files.")
METRIC(HOST, host_swap_size, "host.swap.size", GAUGE, U64, memory.swap_total, "bytes", STANDARD,
       MEMORY, "/proc/meminfo", "Swap space of the host.")
METRIC(HOST, host_swap_used, "host.swap.used", GAUGE, U64, memory.swap_used, "bytes", BASIC, MEMORY,
       "/proc/meminfo", "Swap space of the host that is in use.")
METRIC(HOST, host_swap_in_bytes_total, "host.swap.in_bytes_total", COUNTER, U64, memory.swap_in,
       "bytes", STANDARD, MEMORY, "/proc/vmstat", "Bytes that the host has read back from swap.")
METRIC(HOST, host_swap_out_bytes_total, "host.swap.out_bytes_total", COUNTER, U64, memory.swap_out,
       "bytes", STANDARD, MEMORY, "/proc/vmstat", "Bytes that the host has written to swap.")
METRIC(HOST, host_ksm_run, "host.ksm.run", GAUGE, U64, ksm.run, "code", STANDARD, MEMORY,
       "/sys/kernel/mm/ksm", "Merging of equal pages: 0 off, 1 on, 2 off and undone.")
METRIC(HOST, host_ksm_shared, "host.ksm.shared", GAUGE, U64, ksm.shared, "bytes", STANDARD, MEMORY,
       "/sys/kernel/mm/ksm", "Memory that holds pages which were merged.")
METRIC(HOST, host_ksm_sharing, "host.ksm.sharing", GAUGE, U64, ksm.sharing, "bytes", STANDARD,
       MEMORY, "/sys/kernel/mm/ksm", "Memory that merging of equal pages saves.")
METRIC(HOST, host_ksm_unshared, "host.ksm.unshared", GAUGE, U64, ksm.unshared, "bytes", STANDARD,
       MEMORY, "/sys/kernel/mm/ksm",
       "Memory that is looked at again and again for equal pages and has none.")
METRIC(HOST, host_ksm_scans_total, "host.ksm.scans_total", COUNTER, U64, ksm.scans, "count",
       STANDARD, MEMORY, "/sys/kernel/mm/ksm",
       "Times that all memory offered was searched for equal pages.")
METRIC(HUGE, host_hugepages_pages, "host.hugepages.pages", GAUGE, U64, pages, "count", STANDARD,
       MEMORY, "/sys/kernel/mm/hugepages", "Huge pages of this size that the host has.")
METRIC(HUGE, host_hugepages_free, "host.hugepages.free", GAUGE, U64, free, "count", STANDARD,
       MEMORY, "/sys/kernel/mm/hugepages", "Huge pages that nobody has.")
METRIC(HUGE, host_hugepages_reserved, "host.hugepages.reserved", GAUGE, U64, reserved, "count",
       STANDARD, MEMORY, "/sys/kernel/mm/hugepages",
       "Huge pages that are promised, but not yet given.")
METRIC(HUGE, host_hugepages_surplus, "host.hugepages.surplus", GAUGE, U64, surplus, "count",
       STANDARD, MEMORY, "/sys/kernel/mm/hugepages", "Huge pages above the configured number.")
METRIC(VM_STATE, host_vms_by_state, "host.vms_by_state", GAUGE, U64, vms, "count", STANDARD, NONE,
       "libvirt", "VMs on the host by their state, those that are down included.")
