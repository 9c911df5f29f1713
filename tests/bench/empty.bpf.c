// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The floor: what it costs to have any program on sched_switch. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

SEC("tp_btf/sched_switch")
int empty(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
