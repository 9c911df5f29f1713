/* SPDX-License-Identifier: Apache-2.0 */
/* What the memory of a VM costs the host. Rows as metric/table.h says. */
METRIC(VM, vm_memory_host_resident, "vm.memory.host.resident", GAUGE, U64, host_memory.resident,
       "bytes", BASIC, MEMORY, "proc",
       "Memory of the host that the process of the VM has, its own parts included, reserved huge pages not.")
METRIC(VM, vm_memory_host_swapped, "vm.memory.host.swapped", GAUGE, U64, host_memory.swapped,
       "bytes", STANDARD, MEMORY, "proc", "Memory of the VM that lies in the swap of the host.")
METRIC(VM, vm_memory_host_huge, "vm.memory.host.huge", GAUGE, U64, host_memory.huge, "bytes",
       DETAILED, MEMORY, "proc",
       "The part of the resident memory that is in transparent huge pages.")
METRIC(VM, vm_memory_host_hugetlb, "vm.memory.host.hugetlb", GAUGE, U64, host_memory.hugetlb,
       "bytes", DETAILED, MEMORY, "proc",
       "Memory of the VM in reserved huge pages, which do not count as resident.")
METRIC(VM_NODE, vm_memory_host_node_resident, "vm.memory.host.node.resident", GAUGE, U64, resident,
       "bytes", DETAILED, MEMORY, "proc",
       "Memory of the VM on the NUMA node of the host, reserved huge pages included.")
