/* SPDX-License-Identifier: Apache-2.0 */
/* The host. Rows as metric/table.h says. */
METRIC(HOST, host_cpu_online, "host.cpu.online", GAUGE, U64, cpus, "count", BASIC, NONE, "sysfs",
       "CPUs of the host that are online.")
METRIC(HOST, host_cpu_overcommit, "host.cpu.overcommit", GAUGE, DOUBLE, overcommit, "ratio", BASIC,
       NONE, "kvmlens", "vCPUs of all VMs for each online CPU.")
METRIC(HOST, host_vms, "host.vms", GAUGE, U64, vms, "count", BASIC, NONE, "kernel, libvirt, proc",
       "VMs on the host.")
METRIC(HOST, host_vcpus, "host.vcpus", GAUGE, U64, vcpus, "count", BASIC, NONE,
       "kernel, libvirt, proc", "vCPUs of all VMs on the host.")
