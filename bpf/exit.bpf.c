// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How VMs end: the exit code or signal of their VMM processes, and whether the kernel killed them
 * for want of memory. Runs when a thread of the host ends, and looks one number up.
 */
#include "core_fixes.bpf.h"
#include <exit_types.h>

/*
 * The VMMs that are watched, by tgid. User space adds a process when it finds a VM, reads and
 * deletes it when the VM is gone; the programs only fill in. Preallocated: see kvm.bpf.c.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EXIT_PROCESSES_MAX);
	__type(key, __u32);
	__type(value, struct exit_record);
} exit_processes SEC(".maps");

/*
 * Every thread of a process that is killed, or that calls exit_group, ends with the code of all;
 * one that ends alone has 0. So a code counts from whichever thread, 0 from the first alone.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(exit_process, struct task_struct *task)
{
	__u32 tgid = READ(task, tgid), code = READ(task, exit_code);
	struct exit_record *record = bpf_map_lookup_elem(&exit_processes, &tgid);

	if (!record || (!code && (__u32)READ(task, pid) != tgid))
		return 0;
	if (code)
		record->code = code;
	record->flags |= EXIT_F_ENDED;
	return 0;
}

/* The victim's pid; since 72ba14deb40a (6.8) its task. A raw program needs no BTF of either. */
SEC("raw_tp/mark_victim")
int exit_oom(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)(unsigned long)ctx->args[0];
	__u32 tgid = ctx->args[0];
	struct exit_record *record;

	if (ctx->args[0] >> 32)
		tgid = BPF_CORE_READ(task, tgid);
	record = bpf_map_lookup_elem(&exit_processes, &tgid);
	if (record)
		record->flags |= EXIT_F_OOM;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
