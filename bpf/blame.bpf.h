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
	if (t)
		return t->entity;
	if (!READ(task, pid))
		return entity_make(SCHED_ENTITY_IDLE, 0);
	if (READ(task, flags) & PF_KTHREAD)
		return entity_make(SCHED_ENTITY_KERNEL, kernel_class(task));
	return cgroup_entity(task);
}

static __always_inline bool entity_is_idle(__u64 entity)
{
	return entity >> SCHED_ENTITY_SHIFT == SCHED_ENTITY_IDLE;
}

static __always_inline void fold_entry(struct sched_blame *b, __u32 i)
{
	if (b->entity[i] >> SCHED_ENTITY_SHIFT == SCHED_ENTITY_VM)
		b->folded_ns[SCHED_CLASS_VM] += b->ns[i];
	else
		b->folded_ns[SCHED_CLASS_HOST] += b->ns[i];
}

/* A global function, so that the verifier looks at its loop once. */
__noinline int blame_charge(__u32 slot, __u64 entity, __u64 ns)
{
	struct sched_thread *t = bpf_map_lookup_elem(&sched_threads, &slot);
	__u64 least_ns = ~0ull;
	__u32 i, least = 0;
	struct sched_blame *b;

	if (!t)
		return 0;
	b = &t->blame;
	for (i = 0; i < SCHED_BLAME_ENTRIES; i++) {
		if (b->entity[i] == entity) {
			b->ns[i] += ns;
			b->recent = i;
			return 0;
		}
		if (b->ns[i] < least_ns) {
			least_ns = b->ns[i];
			least = i;
		}
	}
	if (least < SCHED_BLAME_ENTRIES) {
		fold_entry(b, least);
		b->entity[least] = entity;
		b->ns[least] = ns;
		b->recent = least;
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

/* When an idle segment began nobody waited yet: all that is left of the wait lies in it. */
static __always_inline __u64 blame_idle(__u32 slot, __u64 ns)
{
	struct sched_thread *t = bpf_map_lookup_elem(&sched_threads, &slot);

	if (!t)
		return 0;
	t->blame.idle_ns += ns;
	return ns;
}

/*
 * Charge what of [from, upto] overlaps a CPU's segment, counted back from the newest (1), and
 * lower upto to the segment's start. Returns 0 when there can be no older one. Global for the same
 * reason; so it looks its maps up itself.
 */
__noinline int blame_segment(__u32 id, __u32 back, __u32 slot, __u64 from)
{
	struct sched_blame_cpu *cpu = bpf_map_lookup_elem(&sched_blame_cpus, &id);
	struct sched_segment *seg;
	__u64 ns;

	if (!cpu)
		return 0;
	seg = &cpu->ring[(cpu->head - back) & (SCHED_SEGMENTS - 1)];
	if (!seg->entity || seg->end <= from)
		return 0;
	ns = overlap(from, cpu->upto, seg->start, seg->end);
	if (entity_is_idle(seg->entity)) {
		cpu->charged += blame_idle(slot, ns);
		return 0;
	}
	if (ns) {
		blame_charge(slot, seg->entity, ns);
		cpu->charged += ns;
	}
	if (seg->start < cpu->upto)
		cpu->upto = seg->start;
	return 1;
}

/* Charge [from, to] to the ring's segments; returns what was not charged. */
static __always_inline __u64 blame_walk(__u32 id, __u32 slot, __u64 from, __u64 to)
{
	struct sched_blame_cpu *cpu = bpf_map_lookup_elem(&sched_blame_cpus, &id);
	__u32 i;

	if (!cpu)
		return to - from;
	cpu->charged = 0;
	cpu->upto = to;
	for (i = 1; i <= SCHED_SEGMENTS; i++)
		if (!blame_segment(id, i, slot, from))
			break;
	if (i > SCHED_SEGMENTS)
		lost(SCHED_LOST_SEGMENTS);
	return to - from - cpu->charged;
}

/* Most waits are for the one that was charged last. */
static __always_inline void blame_one(struct sched_thread *t, __u64 entity, __u64 ns)
{
	__u32 recent = t->blame.recent & (SCHED_BLAME_ENTRIES - 1);

	if (t->blame.entity[recent] == entity)
		t->blame.ns[recent] += ns;
	else
		blame_charge(t->slot, entity, ns);
}

/*
 * How much of the wait its group was throttled. Quota is used up by running, and a thread that is
 * woken into a throttled group waits from then on: so it is the beginning of the wait.
 */
static __always_inline __u64 throttled_part(struct sched_thread *t, struct task_struct *next,
					    __u32 cpu, __u64 here)
{
	__u64 total = task_throttled_ns(next), ns = 0;

	if (total == t->throttled_seen)
		return 0;
	if (t->switches && t->cpu == cpu && total > t->throttled_seen)
		ns = total - t->throttled_seen;
	t->throttled_seen = total;
	return ns < here ? ns : here;
}

/*
 * The thread waited on this CPU for the last here ns, of wait in all; prev ran until now. Where
 * it ran for all of that time, as most often, nothing needs to be looked up.
 */
static __always_inline void blame_wait(struct sched_thread *t, struct sched_thread *out,
				       struct task_struct *prev, struct task_struct *next,
				       __u32 cpu, __u64 wait, __u64 here, __u64 now)
{
	__u64 throttled, entity, begun;

	globals.blame_cpus[cpu & (SCHED_CPUS_MAX - 1)] = 1;
	throttled = throttled_part(t, next, cpu, here);
	if (wait > here)
		t->blame.unseen_ns += wait - here;
	if (!wait || !here)
		return;
	t->blame.throttled_ns += throttled;
	here -= throttled;
	entity = entity_of(out, prev);
	if (entity_is_idle(entity)) {
		t->blame.idle_ns += here;
		return;
	}
	begun = READ(prev, sched_info.last_arrival);
	if (begun <= now - here) {
		blame_one(t, entity, here);
		return;
	}
	if (begun > now)
		begun = now;
	blame_one(t, entity, now - begun);
	t->blame.unseen_ns += blame_walk(cpu, t->slot, now - here, begun);
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

/* Does anybody wait on but next, who has the CPU now, and prev, whose wait begins now? */
static __always_inline bool others_wait(struct task_struct *prev, struct rq *rq)
{
	unsigned int n = READ(rq, nr_running);

	if (n != 2)
		return n > 2;
	return !READ(prev, pid) || !READ(prev, on_rq) || task_throttled(prev);
}

/* What prev had of the CPU, for those to whom it will be charged. */
static __always_inline void blame_segment_end(struct sched_thread *out, struct task_struct *prev,
					      struct rq *rq, __u32 id, __u64 now)
{
	struct sched_blame_cpu *cpu;
	__u64 entity;

	if (!others_wait(prev, rq))
		return;
	cpu = bpf_map_lookup_elem(&sched_blame_cpus, &id);
	if (!cpu)
		return;
	entity = entity_of(out, prev);
	blame_append(cpu, entity_is_idle(entity) ? 0 : READ(prev, sched_info.last_arrival), now,
		     entity);
}

#endif
