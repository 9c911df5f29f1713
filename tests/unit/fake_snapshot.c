// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "core/guest.h"
#include "metric/metric.h"
#include "unit/fake_snapshot.h"

const char *const fake_hostile_names[] = {
	"plain",
	"quote\"s and \\backslash\\",
	"line\nfeed\r\n# TYPE vm_up counter\nvm_up 42\n",
	"../../../../etc/passwd",
	"broken utf-8 \xff\xfe\xc3\x28 \xed\xa0\x80 \xf0\x9f",
	"Gr\xc3\xbc\xc3\x9f"
	"e \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x90\xa7",
	"escape \x1b[2J\x1b[31m red \x07",
	"bidi \xe2\x80\xae evil \xe2\x81\xa6 \xe2\x80\xa8 next",
	"{vm=\"other\",le=\"0.1\"} 1e309",
	"<script>alert(1)</script>&amp;",
	"$(reboot) `reboot` ; reboot %s%n",
	" ",
	"",
	NULL,
};

const char *const *fake_hostile_names_all(void)
{
	static const char *all[G_N_ELEMENTS(fake_hostile_names) + 1];
	static char letters[10001];

	memcpy(all, fake_hostile_names, sizeof(fake_hostile_names));
	memset(letters, 'x', sizeof(letters) - 1);
	all[G_N_ELEMENTS(fake_hostile_names) - 1] = letters;
	return all;
}

struct fake_spec fake_hostile_spec(unsigned vms, unsigned vcpus, enum kvmlens_level level)
{
	return (struct fake_spec){.vms = vms,
				  .vcpus = vcpus,
				  .level = level,
				  .names = fake_hostile_names_all(),
				  .everything = true};
}

static const char *name_of(const struct fake_spec *spec, unsigned v)
{
	for (unsigned i = 0; spec->names && spec->names[i]; i++)
		if (i == v)
			return spec->names[v];
	return NULL;
}

struct vm_ident *fake_ident(const struct fake_spec *spec, unsigned v)
{
	g_autofree char *made = g_strdup_printf("vm-%04u", v);
	g_autofree char *uuid = g_strdup_printf("00000000-0000-4000-8000-%012u", v);

	return vm_ident_new(name_of(spec, v) ?: made, uuid, 1000 + v, 1000000000ull * v, false);
}

/* Nanoseconds out of percent of the time since the VM began. */
static uint64_t share(const struct fake_spec *spec, double percent)
{
	return percent / 100 * FAKE_INTERVAL_NS * MAX(spec->tick, 1) + 123456789;
}

static void fill_cpu(const struct fake_spec *spec, unsigned v, unsigned vcpus,
		     struct cpu_times *time, struct cpu_rates *rate)
{
	*rate = (struct cpu_rates){
		.usage = 10 + v % 80,
		.ready = 5 + v % 20,
		.migrations = 1.5,
		.preempts = 20.25,
		.switches = 1000 + v,
		.exits = 12345.678,
		.wake_p50_ms = 0.011,
		.wake_p99_ms = 1.3 + v % 7,
	};
	rate->steal = rate->ready / 5;
	rate->wake = rate->ready - rate->steal;
	rate->guest = rate->usage * 0.9;
	rate->hypervisor = rate->usage * 0.1;
	rate->halted = MAX(100 - rate->usage - rate->ready, 0);
	*time = (struct cpu_times){
		.run = share(spec, rate->usage) * vcpus,
		.guest = share(spec, rate->guest) * vcpus,
		.hypervisor = share(spec, rate->hypervisor) * vcpus,
		.ready = share(spec, rate->ready) * vcpus,
		.steal = share(spec, rate->steal) * vcpus,
		.wake = share(spec, rate->wake) * vcpus,
		.halted = share(spec, rate->halted) * vcpus,
		.other = 7 * MAX(spec->tick, 1),
	};
}

static struct hist fake_hist(const struct fake_spec *spec, unsigned v)
{
	struct hist hist = {.shift = SCHED_HIST_SHIFT, .valid = true};

	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		hist.count[i] = (uint64_t)(i * 7 + v) % 50 * MAX(spec->tick, 1);
		hist.sum_ns += hist.count[i] << (hist.shift + i - 1);
	}
	return hist;
}

static void fill_kvm(const struct fake_spec *spec, unsigned v, uint64_t kvm[KVM_STAT_MAX])
{
	for (unsigned i = 0; i < KVM_STAT_MAX; i++)
		kvm[i] = (1000ull * (i + 1) + v) * MAX(spec->tick, 1);
	kvm[KVM_STAT_PREEMPTION_OTHER] = KVM_ABSENT;
}

static void fill_vcpus(const struct fake_spec *spec, unsigned v, struct snap_vm *vm)
{
	entities_alloc(&vm->cpus, spec->vcpus, sizeof(struct snap_vcpu));
	for (unsigned i = 0; i < spec->vcpus; i++) {
		struct snap_vcpu *vcpu = entities_at(&vm->cpus, i);
		char number[16];

		g_snprintf(number, sizeof(number), "%u", i);
		vcpu->labels = labels_new_one(vm->labels, "vcpu", number);
		vcpu->vcpu_id = i;
		vcpu->tid = 100000 + v * 100 + i;
		vcpu->state = SCHED_STATE_RUNNING;
		vcpu->cpu = i % 4;
		vcpu->upto_ns = FAKE_INTERVAL_NS * MAX(spec->tick, 1);
		fill_cpu(spec, v + i, 1, &vcpu->time, &vcpu->rate);
		vcpu->switches = 1000 * MAX(spec->tick, 1);
		vcpu->preempts = 200 * MAX(spec->tick, 1);
		vcpu->migrations = 15 * MAX(spec->tick, 1);
		vcpu->wake_hist = vcpu->preempt_hist = vcpu->exit_hist = fake_hist(spec, i);
		vcpu->exit_hist.shift = KVM_HIST_SHIFT;
		fill_kvm(spec, i, vcpu->kvm);
	}
}

static void fill_roles(const struct fake_spec *spec, struct snap_vm *vm)
{
	static const char *const roles[] = {"emulator", "iothread", "vhost"};

	entities_alloc(&vm->roles, G_N_ELEMENTS(roles), sizeof(struct snap_role));
	for (unsigned i = 0; i < vm->roles.n; i++)
		*(struct snap_role *)entities_at(&vm->roles, i) = (struct snap_role){
			.labels = labels_new_one(vm->labels, "role", roles[i]),
			.threads = i + 1,
			.run = share(spec, 3),
			.ready = share(spec, 1),
			.usage = 3,
			.ready_percent = 1,
		};
}

static void fill_rest(const struct fake_spec *spec, unsigned v, struct snap_vm *vm)
{
	static const char *const reasons[] = {"HLT", "IOIO", "MSR_WRITE", "NPF"};
	static const char *const sources[] = {"bpf", "libvirt"};

	entities_alloc(&vm->exits, G_N_ELEMENTS(reasons), sizeof(struct snap_exit));
	for (unsigned i = 0; i < vm->exits.n; i++)
		*(struct snap_exit *)entities_at(&vm->exits, i) = (struct snap_exit){
			labels_new_one(vm->labels, "reason", reasons[i]), 100 + i, share(spec, i)};
	entities_alloc(&vm->sources, G_N_ELEMENTS(sources), sizeof(struct snap_source));
	for (unsigned i = 0; i < vm->sources.n; i++)
		*(struct snap_source *)entities_at(&vm->sources, i) = (struct snap_source){
			labels_new_one(vm->labels, "source", sources[i]), 1, 0.25 * i, ""};
	entities_alloc(&vm->info, 1, sizeof(struct snap_info));
	*(struct snap_info *)vm->info.v = (struct snap_info){
		labels_new(vm->labels,
			   (struct kvmlens_tag[]){{"accel", "kvm"}, {"project", vm->ident->name}},
			   2),
		1};
}

/* A number where nothing is known. */
static void make_known(const struct metric *metric, void *entity)
{
	char *field = (char *)entity + metric->offset;
	struct metric_value value;

	if (metric->type == TYPE_HIST) {
		((struct hist *)field)->valid = true;
		((struct hist *)field)->shift = SCHED_HIST_SHIFT;
	} else if (!metric_read(metric, entity, &value)) {
		if (metric->type == TYPE_DOUBLE)
			*(double *)field = 4.25;
		else
			*(uint64_t *)field = 4250000000;
	}
}

/* Labels by the keys that the scope has, "vm, uuid, pid, comm", with the VM's name as a value. */
static struct labels *make_labels(const struct snap_vm *vm, const char *keys, unsigned i)
{
	g_auto(GStrv) names = g_strsplit(keys, ", ", -1);
	g_autofree char *value = g_strdup_printf("%u %s", i, vm->ident->name);
	struct labels *labels = labels_ref(vm->labels);

	for (char **name = names; *name; name++) {
		struct labels *more = labels_new_one(labels, *name, value);

		labels_unref(labels);
		labels = more;
	}
	return labels;
}

/* As many as there can be of a kind, where that is not two. */
static const struct {
	const char *scope;
	size_t below_detailed, detailed, diagnostic;
} most[] = {
	{"source", 5, 5, 5},	   {"role", 3, 3, 3},	{"cause", 8, 8, 8},
	{"aggressor", 3, 3, 3},	   {"blame", 7, 7, 69}, {"exit", 0, 0, 128},
	{"space", 3, 16, 16},	   {"card", 0, 16, 16}, {"process", 0, 20, 1024},
	{"contribution", 3, 3, 3}, {"full", 4, 17, 17}, {"trend", 15, 15, 15},
	{"forecast", 12, 12, 12},
};

static size_t most_of(const struct fake_spec *spec, enum metric_scope scope)
{
	for (size_t i = 0; i < G_N_ELEMENTS(most); i++)
		if (!strcmp(most[i].scope, metric_scopes[scope].name))
			return spec->level >= KVMLENS_DIAGNOSTIC ? most[i].diagnostic
			       : spec->level >= KVMLENS_DETAILED ? most[i].detailed
								 : most[i].below_detailed;
	return 0;
}

/* Without a label of their own there is but one. */
static size_t entities_of(const struct fake_spec *spec, enum metric_scope scope)
{
	size_t n = spec->worst ? most_of(spec, scope) : 0;

	if (n)
		return n;
	if (scope == SCOPE_DISK || scope == SCOPE_SPACE)
		return FAKE_DISKS;
	if (scope == SCOPE_NIC)
		return FAKE_NICS;
	return strcmp(metric_scopes[scope].keys, "vm, uuid") ? 2 : 1;
}

static void add_entities(struct snap_vm *vm, enum metric_scope scope, struct entities *entities,
			 size_t n, size_t stride)
{
	struct entities more;

	entities_alloc(&more, n, stride);
	if (entities->n)
		memcpy(more.v, entities->v, entities->n * stride);
	for (size_t i = entities->n; i < n; i++)
		*(struct labels **)entities_at(&more, i) =
			make_labels(vm, metric_scopes[scope].keys, i);
	g_free(entities->v);
	*entities = more;
}

static void fill_scope(const struct fake_spec *spec, struct snap_vm *vm, enum metric_scope scope,
		       struct entities *entities, size_t stride)
{
	size_t n = entities_of(spec, scope);

	if (!entities->n || (spec->worst && n > entities->n && scope != SCOPE_VCPU))
		add_entities(vm, scope, entities, n, stride);
	for (size_t m = 0; m < n_metrics; m++)
		for (size_t i = 0; metrics[m].scope == scope && i < entities->n; i++)
			make_known(&metrics[m], entities_at(entities, i));
}

static void fill_everything(const struct fake_spec *spec, struct snap_vm *vm)
{
	for (size_t m = 0; m < n_metrics; m++)
		if (metrics[m].scope == SCOPE_VM)
			make_known(&metrics[m], vm);
#define FILL(scope, type, array, name, keys) \
	fill_scope(spec, vm, SCOPE_##scope, &vm->array, sizeof(type));
	METRIC_SCOPES_VM(FILL)
#undef FILL
}

static void fill_vm(const struct fake_spec *spec, unsigned v, struct snap_vm *vm)
{
	vm->ident = fake_ident(spec, v);
	vm->labels = labels_ref(vm->ident->labels);
	vm->state = KVMLENS_VM_RUNNING;
	vm->level = spec->level;
	vm->up = 1;
	vm->vcpus = spec->vcpus;
	fill_cpu(spec, v, spec->vcpus, &vm->time, &vm->rate);
	vm->ready_max = vm->rate.ready;
	vm->switches = 1000ull * spec->vcpus * MAX(spec->tick, 1);
	vm->preempts = 200ull * spec->vcpus * MAX(spec->tick, 1);
	vm->migrations = 15ull * spec->vcpus * MAX(spec->tick, 1);
	vm->wake_hist = vm->preempt_hist = vm->exit_hist = fake_hist(spec, v);
	vm->exit_hist.shift = KVM_HIST_SHIFT;
	fill_kvm(spec, v, vm->kvm);
	vm->irq_injected = 77ull * MAX(spec->tick, 1);
	fill_vcpus(spec, v, vm);
	fill_roles(spec, vm);
	fill_rest(spec, v, vm);
	guest_fill(vm, NULL, NULL);
	if (spec->everything)
		fill_everything(spec, vm);
}

static void fill_self(const struct fake_spec *spec, struct kvmlens_snapshot *snapshot)
{
	entities_alloc(&snapshot->self, 1, sizeof(struct snap_self));
	*(struct snap_self *)snapshot->self.v = (struct snap_self){
		.labels = labels_new(NULL, NULL, 0),
		.uptime_ns = snapshot->mono_ns,
		.ticks = MAX(spec->tick, 1),
		.tick_ns = 1234567,
		.tick_total_ns = 1234567ull * MAX(spec->tick, 1),
		.cpu_ns = 2345678ull * MAX(spec->tick, 1),
		.rss_bytes = 12345678,
		.bpf_bytes = 4194304,
		.threads_tracked = spec->vms * (spec->vcpus + 6),
		.threads_max = 8192,
		.scans = MAX(spec->tick, 1),
		.descriptors = 70,
		.descriptors_max = 1024,
	};
	entities_alloc(&snapshot->webs, 1, sizeof(struct snap_web));
	*(struct snap_web *)snapshot->webs.v = (struct snap_web){
		.labels = labels_new(NULL, NULL, 0), .up = 1, .requests = 42, .pages = 7};
	entities_alloc(&snapshot->build, 1, sizeof(struct snap_build));
	*(struct snap_build *)snapshot->build.v = (struct snap_build){
		labels_new(NULL, (struct kvmlens_tag[]){{"version", "1"}, {"node", "node-1"}}, 2),
		1};
}

static void fill_host(const struct fake_spec *spec, struct kvmlens_snapshot *snapshot)
{
	entities_alloc(&snapshot->stores, 1, sizeof(struct snap_store));
	*(struct snap_store *)snapshot->stores.v =
		(struct snap_store){.labels = labels_new(NULL, NULL, 0), .up = 1, .bytes = 4096};
	static const char *const losses[] = {"ring_full", "chain"};

	entities_alloc(&snapshot->hosts, 1, sizeof(struct snap_host));
	*(struct snap_host *)snapshot->hosts.v = (struct snap_host){
		.labels = labels_new(NULL, NULL, 0),
		.cpus = 4,
		.vms = spec->vms,
		.vcpus = spec->vms * spec->vcpus,
		.overcommit = spec->vms * spec->vcpus / 4.0,
	};
	entities_alloc(&snapshot->losses, G_N_ELEMENTS(losses), sizeof(struct snap_loss));
	for (unsigned i = 0; i < snapshot->losses.n; i++)
		*(struct snap_loss *)entities_at(&snapshot->losses, i) =
			(struct snap_loss){labels_new_one(NULL, "reason", losses[i]), i, ""};
	entities_alloc(&snapshot->features, 1, sizeof(struct snap_feature));
	*(struct snap_feature *)snapshot->features.v =
		(struct snap_feature){labels_new_one(NULL, "feature", "tp_btf"), 1, ""};
	entities_alloc(&snapshot->providers, 1, sizeof(struct snap_provider));
	*(struct snap_provider *)snapshot->providers.v = (struct snap_provider){
		.labels = labels_new_one(NULL, "provider", "libvirt"),
		.up = 1,
		.vms = spec->vms,
		.age = 0.5,
	};
}

struct kvmlens_snapshot *fake_snapshot(const struct fake_spec *spec)
{
	struct kvmlens_snapshot *snapshot = snapshot_new();
	unsigned tick = MAX(spec->tick, 1);

	snapshot->seq = tick;
	snapshot->wall_ms = 1700000000000ll + 10000ll * tick;
	snapshot->mono_ns = FAKE_INTERVAL_NS * tick;
	snapshot->interval_ns = tick > 1 ? FAKE_INTERVAL_NS : 0;
	snapshot->level = spec->level;
	snapshot->groups = KVMLENS_ALL_GROUPS;
	entities_alloc(&snapshot->vms, spec->vms, sizeof(struct snap_vm));
	for (unsigned v = 0; v < spec->vms; v++)
		fill_vm(spec, v, entities_at(&snapshot->vms, v));
	fill_self(spec, snapshot);
	fill_host(spec, snapshot);
	return snapshot;
}
