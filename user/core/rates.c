// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "core/disk_rates.h"
#include "core/nic_rates.h"
#include "core/rates.h"

double rate_delta(uint64_t now, uint64_t before)
{
	if (now == ABSENT || before == ABSENT || now < before)
		return NAN;
	return (double)(now - before);
}

double rate_percent(uint64_t now, uint64_t before, uint64_t interval_ns, double cpus)
{
	double d = rate_delta(now, before);

	if (isnan(d) || !interval_ns || cpus <= 0)
		return NAN;
	/* Of times that are read one after another the last digit may pass 100. */
	return MIN(100.0 * d / ((double)interval_ns * cpus), 100.0);
}

double rate_per_second(uint64_t now, uint64_t before, uint64_t interval_ns)
{
	double d = rate_delta(now, before);

	return interval_ns ? d * 1e9 / (double)interval_ns : NAN;
}

/* What each bucket gained; returns the sum. */
static double hist_gain(const struct hist *now, const struct hist *before,
			double ret_gained[HIST_BUCKETS])
{
	bool has_before = before && before->valid;
	uint64_t old, total = 0;
	unsigned i;

	for (i = 0; i < HIST_BUCKETS; i++) {
		old = has_before ? before->count[i] : 0;
		old = now->count[i] > old ? now->count[i] - old : 0;
		total += old;
		ret_gained[i] = (double)old;
	}
	return (double)total;
}

static double quantile(const double gained[HIST_BUCKETS], double total, uint32_t shift, double q)
{
	double seen = 0, upper, lower = 0;
	unsigned i;

	for (i = 0; i < HIST_BUCKETS; i++) {
		upper = (double)(1ull << (shift + i));
		if (gained[i] > 0 && seen + gained[i] >= q * total)
			return lower + (upper - lower) * (q * total - seen) / gained[i];
		seen += gained[i];
		lower = upper;
	}
	return lower;
}

double rate_quantile(const struct hist *now, const struct hist *before, double q)
{
	double gained[HIST_BUCKETS], total;

	total = now->valid ? hist_gain(now, before, gained) : 0;
	return total > 0 ? quantile(gained, total, now->shift, q) : NAN;
}

static void derive_wake(struct cpu_rates *r, const struct hist *now, const struct hist *before)
{
	double gained[HIST_BUCKETS], total;

	total = now->valid ? hist_gain(now, before, gained) : 0;
	if (total <= 0)
		return;
	r->wake_p50_ms = quantile(gained, total, now->shift, 0.5) / 1e6;
	r->wake_p99_ms = quantile(gained, total, now->shift, 0.99) / 1e6;
}

static void unknown(struct cpu_rates *rates)
{
	double *d = (double *)rates;
	size_t i;

	for (i = 0; i < sizeof(*rates) / sizeof(double); i++)
		d[i] = NAN;
}

struct source {
	const struct cpu_times *time;
	uint64_t migrations, preempts, switches, exits;
	const struct hist *wake;
};

/* window: the time of all vCPUs that lies between the two, which their times divide up. */
static void derive(struct cpu_rates *r, const struct source *now, const struct source *was,
		   uint64_t ns, uint64_t window)
{
	const struct cpu_times *a = now->time, *b = was->time;

	r->usage = rate_percent(a->run, b->run, window, 1);
	r->guest = rate_percent(a->guest, b->guest, window, 1);
	r->hypervisor = rate_percent(a->hypervisor, b->hypervisor, window, 1);
	r->ready = rate_percent(a->ready, b->ready, window, 1);
	r->steal = rate_percent(a->steal, b->steal, window, 1);
	r->wake = rate_percent(a->wake, b->wake, window, 1);
	r->halted = rate_percent(a->halted, b->halted, window, 1);
	r->migrations = rate_per_second(now->migrations, was->migrations, ns);
	r->preempts = rate_per_second(now->preempts, was->preempts, ns);
	r->switches = rate_per_second(now->switches, was->switches, ns);
	r->exits = rate_per_second(now->exits, was->exits, ns);
	derive_wake(r, now->wake, was->wake);
}

static struct source vcpu_source(const struct snap_vcpu *v)
{
	return (struct source){&v->time,    v->migrations,	    v->preempts,
			       v->switches, v->kvm[KVM_STAT_EXITS], &v->wake_hist};
}

static struct source vm_source(const struct snap_vm *v)
{
	return (struct source){&v->time,    v->migrations,	    v->preempts,
			       v->switches, v->kvm[KVM_STAT_EXITS], &v->wake_hist};
}

const struct snap_vcpu *rates_find_vcpu(const struct snap_vm *vm, const struct snap_vcpu *vcpu)
{
	const struct snap_vcpu *v;
	size_t i;

	for (i = 0; i < vm->cpus.n; i++) {
		v = entities_at(&vm->cpus, i);
		if (v->vcpu_id == vcpu->vcpu_id && v->tid == vcpu->tid)
			return v;
	}
	return NULL;
}

static const struct snap_role *find_role(const struct snap_vm *vm, const struct labels *labels)
{
	const struct snap_role *r;
	size_t i;

	for (i = 0; i < vm->roles.n; i++) {
		r = entities_at(&vm->roles, i);
		if (r->labels == labels)
			return r;
	}
	return NULL;
}

static int compare_vm(const struct vm_ident *a, const struct vm_ident *b)
{
	int c = strcmp(a->name, b->name);

	if (!c)
		c = (a->pid > b->pid) - (a->pid < b->pid);
	if (!c)
		c = (a->start_ns > b->start_ns) - (a->start_ns < b->start_ns);
	return c;
}

/* A VM that a provider renamed, or one of twins, may stand out of order: look at all then. */
const struct snap_vm *rates_find_vm(const struct kvmlens_snapshot *snapshot,
				    const struct snap_vm *vm)
{
	size_t low = 0, high = snapshot->vms.n, i;
	const struct snap_vm *v;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int c;

		v = entities_at(&snapshot->vms, middle);
		c = compare_vm(v->ident, vm->ident);
		if (!c)
			return v;
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (i = 0; i < snapshot->vms.n; i++) {
		v = entities_at(&snapshot->vms, i);
		if (v->ident->pid == vm->ident->pid && v->ident->start_ns == vm->ident->start_ns &&
		    !strcmp(v->ident->uuid, vm->ident->uuid))
			return v;
	}
	return NULL;
}

static void derive_roles(struct snap_vm *vm, const struct snap_vm *before, uint64_t ns)
{
	size_t i;

	for (i = 0; i < vm->roles.n; i++) {
		struct snap_role *r = entities_at(&vm->roles, i);
		const struct snap_role *was = before ? find_role(before, r->labels) : NULL;

		r->usage = was ? rate_delta(r->run, was->run) * 100 / ns : NAN;
		r->ready_percent = was ? rate_delta(r->ready, was->ready) * 100 / ns : NAN;
	}
}

/*
 * The time that a vCPU's times speak of, from its last reading to this. 0: it has not been seen
 * from beginning to end, so that no share of it is known.
 */
static uint64_t vcpu_window(const struct snap_vcpu *now, const struct snap_vcpu *was, uint64_t ns)
{
	if (now->upto_ns && was->upto_ns)
		return now->upto_ns > was->upto_ns ? now->upto_ns - was->upto_ns : 0;
	return now->is_sampled && was->is_sampled ? ns : 0;
}

/* The same of all vCPUs together; one that has come or gone since counts whole. */
static uint64_t vm_window(const struct snap_vm *now, const struct snap_vm *was, uint64_t ns)
{
	uint64_t sum = 0;
	size_t i, kept = 0;

	for (i = 0; i < now->cpus.n; i++) {
		const struct snap_vcpu *v = entities_at(&now->cpus, i);
		const struct snap_vcpu *old = rates_find_vcpu(was, v);
		uint64_t window = old ? vcpu_window(v, old, ns) : ns;

		if (!window)
			return 0;
		kept += old != NULL;
		sum += window;
	}
	return sum + (was->cpus.n - kept) * ns;
}

static void derive_vm(struct snap_vm *vm, const struct snap_vm *before, uint64_t ns)
{
	struct source now = vm_source(vm), was;
	size_t i;

	unknown(&vm->rate);
	vm->ready_max = NAN;
	if (before) {
		was = vm_source(before);
		derive(&vm->rate, &now, &was, ns, vm_window(vm, before, ns));
	}
	for (i = 0; i < vm->cpus.n; i++) {
		struct snap_vcpu *v = entities_at(&vm->cpus, i);
		const struct snap_vcpu *old = before ? rates_find_vcpu(before, v) : NULL;

		unknown(&v->rate);
		if (!old)
			continue;
		now = vcpu_source(v);
		was = vcpu_source(old);
		derive(&v->rate, &now, &was, ns, vcpu_window(v, old, ns));
		/* Of NAN and a number fmax gives the number. */
		vm->ready_max = fmax(vm->ready_max, v->rate.ready);
	}
	derive_roles(vm, before, ns);
	disk_rates_derive(vm, before);
	nic_rates_derive(vm, before);
}

void rates_derive(struct kvmlens_snapshot *now, const struct kvmlens_snapshot *before)
{
	uint64_t ns = before && now->mono_ns > before->mono_ns ? now->mono_ns - before->mono_ns : 0;
	size_t i;

	now->interval_ns = ns;
	for (i = 0; i < now->vms.n; i++) {
		struct snap_vm *vm = entities_at(&now->vms, i);

		derive_vm(vm, ns ? rates_find_vm(before, vm) : NULL, ns);
	}
}
