/* SPDX-License-Identifier: Apache-2.0 */
/* What a VM is and where its values come from. Rows as metric/table.h says. */
METRIC(VM, vm_up, "vm.up", GAUGE, U64, up, "bool", BASIC, NONE, "kernel, proc",
       "1 while the process of the VM is alive.")
METRIC(VM, vm_state, "vm.state", GAUGE, U32, state, "code", STANDARD, NONE, "libvirt, kernel",
       "State of the VM: 0 unknown, 1 running, 2 paused (without libvirt: as its threads show), 3 shutting down, 4 off, 5 crashed, 6 suspended by the guest, 7 target of a migration.")
METRIC(VM, vm_pause_reason, "vm.pause_reason", GAUGE, U32, pause, "code", DETAILED, NONE,
       "kernel, libvirt",
       "Why the VM does not run: 0 it is not paused, 1 paused by an operator, 2 by its VMM after an I/O error of a disk, 3 for a migration, 4 its VMM's process is stopped, 5 by its VMM for another cause (without libvirt the cause is not known).")
METRIC(DOWN, vm_died, "vm.died", GAUGE, U64, died, "bool", BASIC, NONE, "kernel, libvirt",
       "Of a VM that is down: 1 if nobody wanted that, as it was killed, crashed, or ended with an error; 0 if it was stopped. For dead_vms after its end.")
METRIC(DOWN, vm_down_since, "vm.down.since", GAUGE, DOUBLE, since, "seconds", BASIC, NONE,
       "kernel, libvirt",
       "When the VM went down, in seconds since the epoch. The reason: oom, signal, exit (an error), exited, shutdown, destroyed, crashed, migrated, saved, failed, unknown.")
METRIC(DOWN, vm_down_signal, "vm.down.signal", GAUGE, U64, signal, "code", STANDARD, NONE, "kernel",
       "The signal that killed the VM's process.")
METRIC(DOWN, vm_down_exit_code, "vm.down.exit_code", GAUGE, U64, exit_code, "code", STANDARD, NONE,
       "kernel", "The exit code of the VM's process.")
METRIC(INFO, vm_info, "vm.info", GAUGE, U64, one, "info", BASIC, NONE, "libvirt, proc",
       "Always 1; its labels tell what the VM is.")
METRIC(SOURCE, vm_source_up, "vm.source.up", GAUGE, U64, up, "bool", STANDARD, NONE, "kvmlens",
       "1 while this source of the values of the VM answers.")
METRIC(SOURCE, vm_source_age, "vm.source.age", GAUGE, DOUBLE, age, "seconds", STANDARD, NONE,
       "kvmlens", "Time since the last answer of this source.")
METRIC(LEFT_OUT, vm_left_out, "vm.left_out", GAUGE, U64, count, "count", DETAILED, NONE, "kvmlens",
       "How many more of something the VM has than kvmlens takes: they are in no other metric. Absent where nothing is left out.")
