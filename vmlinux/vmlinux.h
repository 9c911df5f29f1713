/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's types as far as kvmlens reads them: only these fields, in no particular order.
 * CO-RE relocates each access to the running kernel. `make VMLINUX_H=FILE` builds against a
 * generated header instead; scripts/check-vmlinux.py compares this one with a kernel's BTF.
 * Older layouts of the same struct are flavours in bpf/core_fixes.bpf.h.
 */
#ifndef KVMLENS_VMLINUX_H
#define KVMLENS_VMLINUX_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	int ifindex;
	possible_net_t nd_net;
};

struct sk_buff {
	struct net_device *dev;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct rq {
	unsigned int nr_running;
	__u64 clock;
	int cpu;
};

struct cfs_rq {
	struct rq *rq;
	int throttle_count;
	__u64 throttled_clock_self_time;
};

struct sched_entity {
	__u64 sum_exec_runtime;
	struct cfs_rq *cfs_rq;
};

struct sched_info {
	unsigned long long run_delay;
	unsigned long long last_arrival;
	unsigned long long last_queued;
};

struct upid {
	int nr;
};

struct pid {
	struct upid numbers[1];
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct task_group {
	struct cgroup_subsys_state css;
};

struct thread_info {
	__u32 cpu;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	unsigned int on_rq; /* of another size in 7.2: CO-RE adapts unsigned ones alone */
	char comm[16];
	struct css_set *cgroups;
	struct task_group *sched_task_group;
	unsigned int __state;
	int pid;
	int tgid;
	int exit_code;
	__u64 gtime;
	__u64 start_boottime;
	struct sched_entity se;
	struct sched_info sched_info;
	struct hlist_head preempt_notifiers;
	struct task_struct *group_leader;
};

struct gendisk {
	int major;
	int first_minor;
};

struct request_queue {
	struct gendisk *disk;
};

struct blkcg {
	struct cgroup_subsys_state css;
};

struct blkcg_gq {
	struct blkcg *blkcg;
};

struct bio {
	struct blkcg_gq *bi_blkg;
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len;
	struct bio *bio;
	__u64 start_time_ns;
};

struct super_block {
	unsigned long s_magic;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
	struct super_block *d_sb;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	void *private_data;
};

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

typedef struct {
	int counter;
} atomic_t;

struct kvm_memory_slot {
	struct hlist_node id_node[2];
	__u64 base_gfn;
	unsigned long npages;
	unsigned long userspace_addr;
	__u32 flags;
};

struct kvm_memslots {
	__u64 generation;
	struct hlist_head id_hash[128];
	int node_idx;
};

struct kvm {
	atomic_t online_vcpus;
	struct kvm_memslots *memslots[2];
};

struct kvm_vcpu_stat_generic {
	__u64 halt_successful_poll;
	__u64 halt_attempted_poll;
	__u64 halt_poll_invalid;
	__u64 halt_wakeup;
	__u64 halt_poll_success_ns;
	__u64 halt_poll_fail_ns;
	__u64 halt_wait_ns;
};

struct kvm_vcpu_stat {
	struct kvm_vcpu_stat_generic generic;
	__u64 pf_taken;
	__u64 pf_fixed;
	__u64 tlb_flush;
	__u64 exits;
	__u64 io_exits;
	__u64 mmio_exits;
	__u64 signal_exits;
	__u64 irq_window_exits;
	__u64 halt_exits;
	__u64 irq_exits;
	__u64 insn_emulation;
	__u64 hypercalls;
	__u64 irq_injections;
	__u64 nmi_injections;
	__u64 nested_run;
	__u64 preemption_reported;
	__u64 preemption_other;
};

struct kvm_vcpu {
	struct kvm *kvm;
	int vcpu_id;
	struct pid *pid;
	struct kvm_vcpu_stat stat;
};

#pragma clang attribute pop

#endif
