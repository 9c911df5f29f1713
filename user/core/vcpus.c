// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "core/account.h"
#include "core/schedstat.h"
#include "core/vcpus.h"

static void unknown_times(struct cpu_times *t)
{
	memset(t, 0xff, sizeof(*t)); /* ABSENT in every field */
}

static void vcpu_guest_time(struct collect *c, const struct vm_thread *thread,
			    const struct sched_thread *record, const struct instant *now,
			    struct snap_vm *vm, struct snap_vcpu *v)
{
	uint64_t sampled = record->gtime_ns - record->gtime_base;
	const struct kvm_vcpu_times *exact = records_times(&c->records, thread->slot);

	if (c->probe && vm->level >= KVMLENS_DETAILED && exact &&
	    exact->tid == (uint32_t)thread->tid) {
		struct kvm_vcpu_times times = *exact;

		if (!times.base_ns) {
			times.base_ns =
				1 + (sampled > times.guest_ns ? sampled - times.guest_ns : 0);
			probe_vcpu_base(c->probe, thread->slot, times.base_ns);
		}
		account_guest(&v->time, &times, now->mono);
		account_hist(&v->exit_hist, times.exit_hist, KVM_HIST_SHIFT, times.exit_ns);
		v->irq_injected = times.irq_injected;
		return;
	}
	vm->guest_time_sampled = true;
	account_sampled_guest(&v->time, sampled);
}

/* The thread's waits as they stand, and who is charged with them. */
static void note_blame(struct collect *c, const struct sched_thread *record)
{
	struct blame_thread thread = {.slot = record->slot,
				      .tid = record->tid,
				      .cpu = record->cpu,
				      .ready_ns = record->wake_ns + record->preempt_ns,
				      .charged = record->blame};

	g_array_append_val(c->blame_threads, thread);
}

static void vcpu_kernel(struct collect *c, const struct vm_thread *thread,
			const struct instant *now, struct snap_vm *vm, struct snap_vcpu *v)
{
	const struct sched_thread *record = records_thread(&c->records, thread->slot);

	if (!record || record->tid != (uint32_t)thread->tid)
		return;
	note_blame(c, record);
	v->upto_ns = account_thread(record, now->rq, scan_queued_since(&c->scan, thread->slot),
				    &v->time);
	account_hist(&v->wake_hist, record->wake_hist, SCHED_HIST_SHIFT, record->wake_ns);
	account_hist(&v->preempt_hist, record->preempt_hist, SCHED_HIST_SHIFT, record->preempt_ns);
	if (!vm->ident->tcg)
		vcpu_guest_time(c, thread, record, now, vm, v);
	v->state = record->state;
	v->cpu = record->cpu;
	v->switches = record->switches;
	v->preempts = record->preempts;
	v->migrations = record->migrations;
}

static void vcpu_init(struct snap_vcpu *v, const struct vm_thread *thread)
{
	v->vcpu_id = thread->vcpu_id;
	v->tid = thread->tid;
	v->switches = v->preempts = v->migrations = v->irq_injected = ABSENT;
	unknown_times(&v->time);
	memset(v->kvm, 0xff, sizeof(v->kvm));
}

static void fill_vcpu(struct collect *c, const struct vm_thread *thread, const struct instant *now,
		      struct snap_vm *vm, struct snap_vcpu *v)
{
	struct kvm_found *found;

	vcpu_init(v, thread);
	v->labels = vmlabels_vcpu(c->labels, vm->ident, thread->vcpu_id);
	if (thread->slot && c->threads)
		vcpu_kernel(c, thread, now, vm, v);
	else
		v->is_sampled = !schedstat_read("/proc", vm->ident->pid, thread->tid, &v->time,
						&v->switches);
	found = g_hash_table_lookup(c->scan.found_by_tid, GUINT_TO_POINTER(thread->tid));
	if (found)
		memcpy(v->kvm, found->stat, sizeof(v->kvm));
}

static void add_count(uint64_t *sum, uint64_t value)
{
	*sum = *sum == ABSENT || value == ABSENT ? ABSENT : *sum + value;
}

static void add_vcpu(struct snap_vm *vm, const struct snap_vcpu *v)
{
	unsigned i;

	account_add(&vm->time, &v->time);
	add_count(&vm->switches, v->switches);
	add_count(&vm->preempts, v->preempts);
	add_count(&vm->migrations, v->migrations);
	add_count(&vm->irq_injected, v->irq_injected);
	account_hist_add(&vm->wake_hist, &v->wake_hist);
	account_hist_add(&vm->preempt_hist, &v->preempt_hist);
	account_hist_add(&vm->exit_hist, &v->exit_hist);
	for (i = 0; i < KVM_STAT_MAX; i++)
		add_count(&vm->kvm[i], v->kvm[i]);
}

/* Only from detailed on are there counters that a restart must not set back. */
static void fill_blame(struct collect *c, struct snap_vm *vm, uint64_t retired_ns)
{
	const struct vm_ident *ident = vm->ident;
	GArray *threads = c->blame_threads;
	struct carry_blame carried;

	if (!threads->len || !c->probe ||
	    probe_features(c->probe)->f[FEATURE_BLAME].state != FEATURE_YES)
		return;
	if (!blame_knows(c->blame, ident) &&
	    !carry_blame_load(probe_carry(c->probe), ident->pid, ident->start_ns, &carried))
		blame_restore(c->blame, ident, &carried);
	blame_vm(c->blame, (struct blame_thread *)threads->data, threads->len, retired_ns, vm);
	/* Where the kernel has no memory for it, a next start has less to go on with: no more. */
	if (vm->level >= KVMLENS_DETAILED && blame_carry(c->blame, ident, &carried))
		carry_blame_store(probe_carry(c->probe), ident->pid, ident->start_ns, &carried);
}

/* What vCPUs that were unplugged had used stays in the VM's totals. Returns their ready time. */
static uint64_t add_retired(struct collect *c, struct snap_vm *vm)
{
	struct threads *threads = c->threads;
	uint16_t slot = threads ? threads_retired(threads, vm->ident->pid, SCHED_ROLE_VCPU) : 0;
	struct sched_thread r;
	struct cpu_times times;
	struct hist hist = {};

	if (!slot || threads_read(threads, slot, &r))
		return 0;
	account_thread(&r, 0, 0, &times);
	if (!vm->ident->tcg)
		account_sampled_guest(&times, r.gtime_ns - r.gtime_base);
	account_add(&vm->time, &times);
	add_count(&vm->switches, r.switches);
	add_count(&vm->preempts, r.preempts);
	add_count(&vm->migrations, r.migrations);
	account_hist(&hist, r.wake_hist, SCHED_HIST_SHIFT, r.wake_ns);
	account_hist_add(&vm->wake_hist, &hist);
	account_hist(&hist, r.preempt_hist, SCHED_HIST_SHIFT, r.preempt_ns);
	account_hist_add(&vm->preempt_hist, &hist);
	return times.ready;
}

/* There is no VM without one: a VMM that names no thread does not tell which are vCPUs. */
static void no_vcpus(struct snap_vm *vm)
{
	vm->vcpus = vm->guest_time_sampled = ABSENT;
	unknown_times(&vm->time);
	vm->switches = vm->preempts = vm->migrations = vm->irq_injected = ABSENT;
	memset(vm->kvm, 0xff, sizeof(vm->kvm));
}

void vcpus_fill(struct collect *c, const struct inventory_vm *iv, const struct instant *now,
		struct snap_vm *vm)
{
	unsigned i, n = 0;

	g_array_set_size(c->blame_threads, 0);
	entities_alloc(&vm->cpus, iv->n_vcpus, sizeof(struct snap_vcpu));
	for (i = 0; i < iv->n_threads && n < iv->n_vcpus; i++) {
		struct snap_vcpu *v;

		if (iv->threads[i].role != SCHED_ROLE_VCPU)
			continue;
		v = entities_at(&vm->cpus, n++);
		fill_vcpu(c, &iv->threads[i], now, vm, v);
		add_vcpu(vm, v);
	}
	vm->vcpus = iv->n_vcpus;
	if (n)
		fill_blame(c, vm, add_retired(c, vm));
	else
		no_vcpus(vm);
}
