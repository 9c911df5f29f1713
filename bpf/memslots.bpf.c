// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where a guest's RAM lies in its VMM, as KVM itself knows it: an iterator over open files that
 * lists the memory slots of each kvm-vm. Loaded only where guest memory is read; nothing here
 * runs by itself.
 */
#include "core_fixes.bpf.h"
#include "kvm_file.bpf.h"
#include <kvm_types.h>
#include <memslots_types.h>

#define PAGE_SHIFT 12
#define SLOTS_MAX 512 /* KVM has at most 509 and a few of its own */
#define BUCKETS 128
#define CHAIN_MAX 16 /* the hash spreads 509 ids evenly over the buckets */

struct walk {
	struct bpf_iter__task_file *ctx;
	struct kvm_slot slot; /* the next record */
};

static __always_inline void write_slot(struct walk *w, struct kvm_memory_slot *slot)
{
	w->slot.gpa = BPF_CORE_READ(slot, base_gfn) << PAGE_SHIFT;
	w->slot.size = BPF_CORE_READ(slot, npages) << PAGE_SHIFT;
	w->slot.hva = BPF_CORE_READ(slot, userspace_addr);
	w->slot.flags = BPF_CORE_READ(slot, flags);
	if (!w->slot.size)
		return;
	bpf_seq_write(w->ctx->meta->seq, &w->slot, sizeof(w->slot));
	w->slot.count++;
}

/* The slots of the set in use stand in a hash by their ids. */
static __always_inline void walk_hash(struct walk *w, struct kvm_memslots *slots)
{
	__u32 node_off = bpf_core_field_offset(struct kvm_memory_slot, id_node);
	void *heads = (void *)slots + bpf_core_field_offset(struct kvm_memslots, id_hash);

	node_off += BPF_CORE_READ(slots, node_idx) ? bpf_core_type_size(struct hlist_node) : 0;
#pragma clang loop unroll(disable)
	for (int bucket = 0; bucket < BUCKETS; bucket++) {
		struct hlist_node *node = NULL;

		bpf_probe_read_kernel(&node, sizeof(node), heads + bucket * sizeof(node));
#pragma clang loop unroll(disable)
		for (int i = 0; i < CHAIN_MAX && node; i++) {
			write_slot(w, (void *)node - node_off);
			node = BPF_CORE_READ(node, next);
		}
	}
}

static __always_inline void walk_array(struct walk *w, struct kvm_memslots___before_5_17 *slots)
{
	__u32 size = bpf_core_type_size(struct kvm_memory_slot);
	void *at =
		(void *)slots + bpf_core_field_offset(struct kvm_memslots___before_5_17, memslots);
	int used = BPF_CORE_READ(slots, used_slots);

#pragma clang loop unroll(disable)
	for (int i = 0; i < SLOTS_MAX && i < used; i++)
		write_slot(w, at + i * size);
}

static __always_inline void walk_slots(struct walk *w, struct kvm_memslots *slots)
{
	if (bpf_core_field_exists(slots->id_hash))
		walk_hash(w, slots);
	else
		walk_array(w, (void *)slots);
}

SEC("iter/task_file")
int kvm_memslots(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct walk w = {.ctx = ctx};
	struct kvm_memslots *slots;
	struct kvm *kvm;

	if (!task || !file || file_kind(file) != KVM_FOUND_VM)
		return 0;
	kvm = BPF_CORE_READ(file, private_data);
	slots = BPF_CORE_READ(kvm, memslots[0]);
	if (!slots)
		return 0;
	w.slot.kind = KVM_SLOT_RAM;
	w.slot.tgid = BPF_CORE_READ(task, tgid);
	w.slot.kvm = (__u64)kvm;
	w.slot.generation = BPF_CORE_READ(slots, generation);
	walk_slots(&w, slots);
	w.slot.kind = KVM_SLOT_END;
	w.slot.gpa = w.slot.size = w.slot.hva = w.slot.flags = 0;
	/* A set that was replaced meanwhile may have been changed under the walk. */
	if (BPF_CORE_READ(kvm, memslots[0]) != slots ||
	    BPF_CORE_READ(slots, generation) != w.slot.generation)
		w.slot.generation = ~0ull;
	bpf_seq_write(ctx->meta->seq, &w.slot, sizeof(w.slot));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
