/* SPDX-License-Identifier: Apache-2.0 */
/* Processes inside a guest. Rows as metric/table.h says. */
METRIC(PROCESS, vm_process_cpu_usage, "vm.process.cpu_usage", GAUGE, DOUBLE, cpu_usage, "percent",
       DETAILED, PROCESS, "guest memory, guest agent",
       "CPU time of the process, all its threads, in percent of one CPU of the guest. May exceed 100: threads run on several CPUs.")
METRIC(PROCESS, vm_process_memory_usage, "vm.process.memory_usage", GAUGE, U64, memory, "bytes",
       DETAILED, PROCESS, "guest memory, guest agent",
       "Resident memory of the process: exact by guest memory; by the agent exact below 10 MB and, from Linux 6.2 on, as the kernel shows it above.")
METRIC(PROCESS, vm_process_memory_percent, "vm.process.memory_percent", GAUGE, DOUBLE,
       memory_percent, "percent", DETAILED, PROCESS, "guest memory, guest agent",
       "Resident memory of the process in percent of the guest's memory.")
METRIC(PROCESS, vm_process_read_iops, "vm.process.read_iops", GAUGE, DOUBLE, read_iops, "1/s",
       DETAILED, PROCESS, "guest memory, guest agent",
       "System calls a second by which the process reads.")
METRIC(PROCESS, vm_process_write_iops, "vm.process.write_iops", GAUGE, DOUBLE, write_iops, "1/s",
       DETAILED, PROCESS, "guest memory, guest agent",
       "System calls a second by which the process writes.")
METRIC(PROCESS, vm_process_read_throughput, "vm.process.read_throughput", GAUGE, DOUBLE,
       read_throughput, "bytes/s", DETAILED, PROCESS, "guest memory, guest agent",
       "Bytes a second that were fetched from storage for the process.")
METRIC(PROCESS, vm_process_write_throughput, "vm.process.write_throughput", GAUGE, DOUBLE,
       write_throughput, "bytes/s", DETAILED, PROCESS, "guest memory, guest agent",
       "Bytes a second that the process caused to be written to storage.")
METRIC(PROCESS, vm_process_open_files, "vm.process.open_files", GAUGE, U64, open_files, "count",
       DETAILED, PROCESS, "guest memory, guest agent", "Files that the process has open.")
METRIC(PROCESS, vm_process_run_time, "vm.process.run_time", GAUGE, DOUBLE, run_time, "s", DETAILED,
       PROCESS, "guest memory, guest agent", "Time since the process was started.")
METRIC(PROCESS, vm_process_threads, "vm.process.threads", GAUGE, U64, threads, "count", DETAILED,
       PROCESS, "guest memory, guest agent", "Threads of the process.")
METRIC(PROCESS, vm_process_cpu_seconds_total, "vm.process.cpu_seconds_total", COUNTER, NS, cpu_ns,
       "seconds", DETAILED, PROCESS, "guest memory, guest agent",
       "CPU time of the process, all its threads.")
METRIC(PROCESS, vm_process_queue_seconds_total, "vm.process.queue_seconds_total", COUNTER, NS,
       queue_ns, "seconds", DETAILED, PROCESS, "guest memory, guest agent",
       "Time that the process's threads waited for one of the guest's own CPUs.")
