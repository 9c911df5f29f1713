/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who ran while a tracked thread waited. Each CPU keeps a ring of what ran on it while somebody
 * waited; when a tracked thread gets its CPU, the time since it queued there is charged to the
 * segments that overlap it. So the work is per wait, never per waiter and switch.
 */
#ifndef KVMLENS_BLAME_BPF_H
#define KVMLENS_BLAME_BPF_H

#define PF_WQ_WORKER 0x00000020
#define PF_KTHREAD 0x00200000

/* Written under the lock of the CPU's run queue; read here alone. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set before load */
	__type(key, __u32);
	__type(value, struct sched_blame_cpu);
} sched_blame_cpus SEC(".maps");

/* Written at the thread's switch-in, read by user space through mmap, cleared with the slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2); /* set before load */
	__type(key, __u32);
	__type(value, struct sched_blame);
} sched_blame SEC(".maps");

static __always_inline __u64 entity_make(__u64 kind, __u64 number)
{
	return kind << SCHED_ENTITY_SHIFT | number;
}

static __always_inline __u64 kernel_class(struct task_struct *task)
{
	char comm[16];

	if (READ(task, flags) & PF_WQ_WORKER)
		return SCHED_KERNEL_KWORKER;
	if (bpf_probe_read_kernel(comm, sizeof(comm), task->comm))
		return SCHED_KERNEL_OTHER;
	if (comm[0] == 'k' && comm[1] == 's' && comm[2] == 'o' && comm[3] == 'f')
		return SCHED_KERNEL_KSOFTIRQD;
	if (comm[0] == 'm' && comm[1] == 'i' && comm[2] == 'g' && comm[3] == 'r')
		return SCHED_KERNEL_MIGRATION;
	return SCHED_KERNEL_OTHER;
}

/* On a hybrid host all are in the unified tree's root: then the cpu controller's tree tells. */
static __always_inline __u64 cgroup_entity(struct task_struct *task)
{
	__u64 id = task_cgroup_id(task), cpu_id;

	if (id > 1)
		return entity_make(SCHED_ENTITY_CGROUP, id);
	cpu_id = task_cpu_cgroup_id(task);
	return cpu_id > 1 ? entity_make(SCHED_ENTITY_CGROUP_CPU, cpu_id)
			  : entity_make(SCHED_ENTITY_CGROUP, id);
}

static __always_inline __u64 entity_of(struct sched_thread *t, struct task_struct *task)
{
	if (t && t->role == SCHED_ROLE_AGENT)
		return entity_make(SCHED_ENTITY_KERNEL, SCHED_KERNEL_AGENT);
	if (t)
		return entity_make(SCHED_ENTITY_VM, (__u64)t->role << 32 | t->tgid);
	if (READ(task, flags) & PF_KTHREAD)
		return entity_make(SCHED_ENTITY_KERNEL, kernel_class(task));
	return cgroup_entity(task);
}

/* A global function, so that the verifier looks at its loop once. */
__noinline int blame_charge(__u32 slot, __u64 entity, __u64 ns)
{
	struct sched_blame *b = bpf_map_lookup_elem(&sched_blame, &slot);
	__u32 i, least = 0;
	__u64 least_ns;

	if (!b)
		return 0;
	least_ns = ~0ull;
	for (i = 0; i < SCHED_BLAME_ENTRIES; i++) {
		if (b->entity[i] == entity) {
			b->ns[i] += ns;
			return 0;
		}
		if (b->ns[i] < least_ns) {
			least_ns = b->ns[i];
			least = i;
		}
	}
	if (least < SCHED_BLAME_ENTRIES) {
		b->entity[least] = entity;
		b->ns[least] = ns;
	}
	return 0;
}

static __always_inline __u64 overlap(__u64 from, __u64 to, __u64 start, __u64 end)
{
	if (start < from)
		start = from;
	if (end > to)
		end = to;
	return end > start ? end - start : 0;
}

/*
 * Charge what of [from, to] overlaps a CPU's segment, counted back from the newest (1). Returns 0
 * when there can be no older one. Global for the same reason; so it looks its maps up itself.
 */
__noinline int blame_segment(__u32 id, __u32 back, __u32 slot, __u64 from, __u64 to)
{
	struct sched_blame_cpu *cpu = bpf_map_lookup_elem(&sched_blame_cpus, &id);
	struct sched_segment *seg;
	__u64 ns;

	if (!cpu)
		return 0;
	seg = &cpu->ring[(cpu->head - back) & (SCHED_SEGMENTS - 1)];
	if (!seg->entity || seg->end <= from)
		return 0;
	ns = overlap(from, to, seg->start, seg->end);
	if (ns) {
		blame_charge(slot, seg->entity, ns);
		cpu->charged += ns;
	}
	return 1;
}

/* Charge [from, to] to the ring's segments; returns what was charged. */
static __always_inline __u64 blame_walk(struct sched_blame_cpu *cpu, __u32 id, __u32 slot,
					__u64 from, __u64 to)
{
	__u32 i;

	cpu->charged = 0;
	for (i = 1; i <= SCHED_SEGMENTS; i++)
		if (!blame_segment(id, i, slot, from, to))
			break;
	if (i > SCHED_SEGMENTS)
		lost(SCHED_LOST_SEGMENTS);
	return cpu->charged;
}

/* The thread waited on this CPU for the last here ns, of wait in all; prev ran until now. */
static __always_inline void blame_wait(struct sched_blame_cpu *cpu, __u32 id,
				       struct sched_thread *in, struct task_struct *prev,
				       __u64 entity, __u64 here, __u64 wait, __u64 now)
{
	__u64 from = now - here, begun, sum = 0;
	struct sched_blame *b;
	__u32 slot = in->slot;

	b = bpf_map_lookup_elem(&sched_blame, &slot);
	if (!b)
		return;
	record_begin(&b->seq);
	b->tid = in->tid;
	begun = entity ? READ(prev, sched_info.last_arrival) : now;
	if (entity && now > begun) {
		sum = overlap(from, now, begun, now);
		blame_charge(slot, entity, sum);
	}
	sum += blame_walk(cpu, id, slot, from, begun);
	if (sum < wait && !entity) {
		b->idle_ns += here > sum ? here - sum : 0;
		sum = here > sum ? here : sum;
	}
	if (sum < wait)
		b->unseen_ns += wait - sum;
	record_end(&b->seq);
}

static __always_inline void blame_append(struct sched_blame_cpu *cpu, __u64 start, __u64 end,
					 __u64 entity)
{
	struct sched_segment *last = &cpu->ring[(cpu->head - 1) & (SCHED_SEGMENTS - 1)];
	struct sched_segment *next = &cpu->ring[cpu->head & (SCHED_SEGMENTS - 1)];

	if (last->entity == entity && last->end == start) {
		last->end = end;
		return;
	}
	next->start = start;
	next->end = end;
	next->entity = entity;
	cpu->head++;
}

static __always_inline bool cpu_marked(__u32 cpu, bool mark)
{
	__u64 *word = &globals.blame_cpus[cpu / 64 & (SCHED_CPUS_MAX / 64 - 1)];
	__u64 bit = 1ull << (cpu % 64);

	if (*word & bit)
		return true;
	/* The bit is this CPU's alone, so that adding sets it; an atomic "or" needs Linux 5.12. */
	if (mark)
		__sync_fetch_and_add(word, bit);
	return mark;
}

static __always_inline void blame_switch(struct sched_thread *out, struct sched_thread *in,
					 struct task_struct *prev, struct task_struct *next,
					 __u64 wait)
{
	bool vcpu = in && in->role == SCHED_ROLE_VCPU;
	struct rq *rq = task_rq(next);
	struct sched_blame_cpu *cpu;
	__u32 id = READ(rq, cpu);
	__u64 entity = 0, now, queued;
	bool others;

	if (!cpu_marked(id, vcpu))
		return;
	others = READ(rq, nr_running) > 1;
	if (!others && !(vcpu && wait))
		return;
	cpu = bpf_map_lookup_elem(&sched_blame_cpus, &id);
	if (!cpu)
		return;
	now = READ(rq, clock);
	if (READ(prev, pid))
		entity = entity_of(out, prev);
	if (vcpu && wait) {
		queued = READ(next, sched_info.last_queued);
		blame_wait(cpu, id, in, prev, entity, queued && queued < now ? now - queued : 0,
			   wait, now);
	}
	if (others && entity)
		blame_append(cpu, READ(prev, sched_info.last_arrival), now, entity);
}

#endif
