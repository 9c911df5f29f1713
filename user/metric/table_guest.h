/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest says of itself. Rows as metric/table.h says. */
METRIC(VM, vm_memory_total_bytes, "vm.memory.total", GAUGE, U64, guest.mem_total, "bytes", BASIC,
       MEMORY, "guest memory, guest agent, balloon", "Memory that the guest's kernel has for use.")
METRIC(VM, vm_memory_used, "vm.memory.used", GAUGE, U64, guest.mem_used, "bytes", BASIC, MEMORY,
       "guest memory, guest agent, balloon",
       "Memory of the guest that is in use: total less available.")
METRIC(VM, vm_memory_usage_percent, "vm.memory.usage_percent", GAUGE, DOUBLE, guest.mem_percent,
       "percent", BASIC, MEMORY, "guest memory, guest agent, balloon",
       "Used memory in percent of total, as the guest counts both.")
METRIC(VM, vm_memory_free, "vm.memory.free", GAUGE, U64, guest.mem_free, "bytes", STANDARD, MEMORY,
       "guest memory, guest agent, balloon", "Memory of the guest that is used for nothing at all.")
METRIC(VM, vm_memory_available, "vm.memory.available", GAUGE, U64, guest.mem_available, "bytes",
       STANDARD, MEMORY, "guest memory, guest agent, balloon",
       "Memory that the guest could give to programs without swapping, by its kernel's own estimate.")
METRIC(VM, vm_memory_swap_total_bytes, "vm.memory.swap_total", GAUGE, U64, guest.swap_total,
       "bytes", STANDARD, MEMORY, "guest memory, guest agent", "Swap space of the guest.")
METRIC(VM, vm_memory_swap_used, "vm.memory.swap_used", GAUGE, U64, guest.swap_used, "bytes",
       STANDARD, MEMORY, "guest memory, guest agent", "Swap space of the guest that is in use.")
METRIC(VM, vm_memory_page_faults, "vm.memory.page_faults", GAUGE, DOUBLE, guest.faults_rate, "1/s",
       STANDARD, MEMORY, "guest memory, guest agent, balloon",
       "Page faults of the guest a second, major ones included.")
METRIC(VM, vm_memory_major_page_faults, "vm.memory.major_page_faults", GAUGE, DOUBLE,
       guest.major_rate, "1/s", STANDARD, MEMORY, "guest memory, guest agent, balloon",
       "Page faults of the guest a second that had to wait for a disk.")
METRIC(VM, vm_memory_faults_total, "vm.memory.faults_total", COUNTER, U64, guest.faults, "count",
       STANDARD, MEMORY, "guest memory, guest agent, balloon",
       "Page faults of the guest since it booted.")
METRIC(VM, vm_memory_major_faults_total, "vm.memory.major_faults_total", COUNTER, U64,
       guest.major_faults, "count", STANDARD, MEMORY, "guest memory, guest agent, balloon",
       "Page faults of the guest that had to wait for a disk, since it booted.")
METRIC(VM, vm_cpu_user_time, "vm.cpu.user_time", GAUGE, DOUBLE, guest.user, "percent", STANDARD,
       CPU, "guest memory, guest agent",
       "Time that the guest counts as spent in user mode, in percent of wall time, averaged over its CPUs.")
METRIC(VM, vm_cpu_system_time, "vm.cpu.system_time", GAUGE, DOUBLE, guest.system, "percent",
       STANDARD, CPU, "guest memory, guest agent",
       "Time that the guest counts as spent in its kernel, in percent of wall time, averaged over its CPUs.")
METRIC(VM, vm_cpu_iowait_time, "vm.cpu.iowait_time", GAUGE, DOUBLE, guest.iowait, "percent",
       STANDARD, CPU, "guest memory, guest agent",
       "Time that the guest counts as idle while it waited for a disk, in percent of wall time, averaged over its CPUs.")
METRIC(VM, vm_cpu_guest_steal_time, "vm.cpu.guest_steal_time", GAUGE, DOUBLE, guest.steal,
       "percent", DETAILED, CPU, "guest memory, guest agent",
       "Time that the guest counts as stolen, %st of its top, in percent of wall time, averaged over its CPUs: the ready time of its vCPUs, not their steal time alone.")
METRIC(VM, vm_cpu_guest_queue_time, "vm.cpu.guest_queue_time", GAUGE, DOUBLE, guest.queue,
       "percent", DETAILED, CPU, "guest memory, guest agent",
       "Time that tasks inside the guest waited for one of its CPUs, in percent of wall time, averaged over its CPUs. May exceed 100: many tasks can wait for one CPU.")
METRIC(VM, vm_cpu_user_seconds_total, "vm.cpu.user_seconds_total", COUNTER, NS, guest.user_ns,
       "seconds", DETAILED, CPU, "guest memory, guest agent",
       "Time of all CPUs that the guest counts as spent in user mode.")
METRIC(VM, vm_cpu_system_seconds_total, "vm.cpu.system_seconds_total", COUNTER, NS, guest.system_ns,
       "seconds", DETAILED, CPU, "guest memory, guest agent",
       "Time of all CPUs that the guest counts as spent in its kernel.")
METRIC(VM, vm_cpu_iowait_seconds_total, "vm.cpu.iowait_seconds_total", COUNTER, NS, guest.iowait_ns,
       "seconds", DETAILED, CPU, "guest memory, guest agent",
       "Time of all CPUs that the guest counts as idle while it waited for a disk.")
METRIC(VM, vm_cpu_guest_steal_seconds_total, "vm.cpu.guest_steal_seconds_total", COUNTER, NS,
       guest.steal_ns, "seconds", DETAILED, CPU, "guest memory, guest agent",
       "Time of all CPUs that the guest counts as stolen: the ready time of its vCPUs.")
METRIC(VM, vm_cpu_guest_queue_seconds_total, "vm.cpu.guest_queue_seconds_total", COUNTER, NS,
       guest.queue_ns, "seconds", DETAILED, CPU, "guest memory, guest agent",
       "Time that tasks inside the guest waited for one of its CPUs.")
METRIC(VM, vm_guest_load1, "vm.guest.load1", GAUGE, DOUBLE, guest.load1, "count", DETAILED, CPU,
       "guest memory, guest agent", "Load average of the guest over 1 minute.")
METRIC(VM, vm_guest_load5, "vm.guest.load5", GAUGE, DOUBLE, guest.load5, "count", DETAILED, CPU,
       "guest memory, guest agent", "Load average of the guest over 5 minutes.")
METRIC(VM, vm_guest_load15, "vm.guest.load15", GAUGE, DOUBLE, guest.load15, "count", DETAILED, CPU,
       "guest memory, guest agent", "Load average of the guest over 15 minutes.")
METRIC(VM, vm_guest_processes, "vm.guest.processes", GAUGE, U64, guest.processes, "count", DETAILED,
       PROCESS, "guest memory, guest agent",
       "Processes inside the guest, its kernel's threads included.")
METRIC(VM, vm_guest_processes_left_out, "vm.guest.processes_left_out", GAUGE, U64, guest.left_out,
       "count", DETAILED, PROCESS, "guest memory, guest agent",
       "Processes that the last look had to leave out: they changed while they were read, or were too many.")
METRIC(VM, vm_guest_uptime_seconds, "vm.guest.uptime_seconds", GAUGE, NS, guest.uptime_ns,
       "seconds", DETAILED, NONE, "guest memory, guest agent", "Time since the guest booted.")
METRIC(GUEST_OS, vm_guest_os_info, "vm.guest.os_info", GAUGE, U64, one, "info", DETAILED, NONE,
       "guest agent", "Always 1; its labels tell the operating system of the guest and its kernel.")
METRIC(CARD, vm_guest_interface_rx_errors_total, "vm.guest.interface.rx_errors_total", COUNTER, U64,
       rx_errors, "count", DETAILED, NETWORK, "guest agent",
       "Errors on receive that the guest counts on this interface.")
METRIC(CARD, vm_guest_interface_rx_dropped_total, "vm.guest.interface.rx_dropped_total", COUNTER,
       U64, rx_dropped, "count", DETAILED, NETWORK, "guest agent",
       "Packets that the guest dropped on receive on this interface.")
METRIC(CARD, vm_guest_interface_tx_errors_total, "vm.guest.interface.tx_errors_total", COUNTER, U64,
       tx_errors, "count", DETAILED, NETWORK, "guest agent",
       "Errors on transmit that the guest counts on this interface.")
METRIC(CARD, vm_guest_interface_tx_dropped_total, "vm.guest.interface.tx_dropped_total", COUNTER,
       U64, tx_dropped, "count", DETAILED, NETWORK, "guest agent",
       "Packets that the guest dropped on transmit on this interface.")
METRIC(VM, vm_memory_swapped_in_bytes_total, "vm.memory.swapped_in_bytes_total", COUNTER, U64,
       guest.swap_in, "bytes", DETAILED, MEMORY, "guest memory, balloon",
       "Bytes that the guest has read back from its swap since it booted.")
METRIC(VM, vm_memory_swapped_out_bytes_total, "vm.memory.swapped_out_bytes_total", COUNTER, U64,
       guest.swap_out, "bytes", DETAILED, MEMORY, "guest memory, balloon",
       "Bytes that the guest has written to its swap since it booted.")
METRIC(VM, vm_memory_balloon_current, "vm.memory.balloon_current", GAUGE, U64, balloon.current,
       "bytes", STANDARD, MEMORY, "libvirt", "Memory that the balloon leaves to the guest now.")
METRIC(VM, vm_memory_balloon_target, "vm.memory.balloon_target", GAUGE, U64, balloon.target,
       "bytes", DETAILED, MEMORY, "libvirt",
       "Memory that the balloon was asked to leave to the guest: where it has come to rest; absent while it moves, as libvirt does not tell.")
