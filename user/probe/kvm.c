// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "probe/kvm.h"
#include "probe/log.h"
#include "kvm.skel.h"

#define SCAN_MAX 65536

enum kvm_map { MAP_THREADS, MAP_GLOBALS, MAP_VCPUS, MAP_REASONS, MAP_LOST, MAPS };

/* Programs that are loaded together. REASONS replaces TIMES: both write the same records. */
enum group { GROUP_FILES, GROUP_TIMES, GROUP_REASONS, GROUP_REASONS_ARG, GROUP_INJECT, GROUPS };

#define GROUP_PROGS_MAX 2

static const struct {
	enum feature_id feature;
	const char *programs[GROUP_PROGS_MAX + 1];
} groups[GROUPS] = {
	[GROUP_FILES] = {FEATURE_KVM_FILES, {"kvm_files"}},
	[GROUP_TIMES] = {FEATURE_KVM_TIMES, {"kvm_entry", "kvm_exit"}},
	[GROUP_REASONS] = {FEATURE_KVM_REASONS, {"kvm_entry_reason", "kvm_exit_reason"}},
	[GROUP_REASONS_ARG] = {FEATURE_KVM_REASONS, {"kvm_entry_reason", "kvm_exit_reason_arg"}},
	[GROUP_INJECT] = {FEATURE_KVM_INJECT, {"kvm_inject"}},
};

struct kvm {
	const struct pin *pin;
	struct object_map maps[MAPS];
	struct bpf_object *objs[GROUPS];
	struct bpf_link *links[GROUPS][GROUP_PROGS_MAX];
	struct kvm_vcpu_times *times;
	unsigned n;
	bool has_threads;
};

static const struct object_map map_specs[MAPS] = {
	[MAP_THREADS] = {"sched_threads", "sched_threads", sizeof(struct sched_thread), 0, -1},
	[MAP_GLOBALS] = {"sched_globals", "sched_globals", sizeof(struct sched_globals), 1, -1},
	[MAP_VCPUS] = {"kvm_vcpus", "kvm_vcpus", sizeof(struct kvm_vcpu_times), 0, -1},
	[MAP_REASONS] = {"kvm_reasons", "kvm_reasons", sizeof(struct kvm_reason_value), 32768, -1},
	[MAP_LOST] = {"kvm_lost", "kvm_lost", sizeof(uint64_t), 1, -1},
};

static bool is_loaded(const struct kvm *k, enum group g)
{
	return k->links[g][0] != NULL;
}

static void detach(struct kvm *k, enum group g, bool keep_pins)
{
	int i;

	for (i = 0; i < GROUP_PROGS_MAX && groups[g].programs[i]; i++) {
		object_detach(k->links[g][i], groups[g].programs[i],
			      g == GROUP_FILES ? NULL : k->pin, keep_pins);
		k->links[g][i] = NULL;
	}
	bpf_object__close(k->objs[g]);
	k->objs[g] = NULL;
}

static int load(struct kvm *k, enum group g, const struct pin *pin)
{
	struct object_spec spec = {
		.name = "kvm", .programs = groups[g].programs, .maps = k->maps, .n_maps = MAPS};

	spec.bytes = kvm_bpf__elf_bytes(&spec.size);
	return object_load(&spec, pin, &k->objs[g]);
}

static bool adopt(struct kvm *k, enum group g)
{
	int i;

	for (i = 0; i < GROUP_PROGS_MAX && groups[g].programs[i]; i++)
		if (object_link_adopt(groups[g].programs[i], k->pin, &k->links[g][i]))
			return false;
	return true;
}

/* Counting begins anew after a gap. */
static void forget_times(struct kvm *k, enum group g)
{
	bool other = is_loaded(k, GROUP_TIMES) || is_loaded(k, GROUP_REASONS) ||
		     is_loaded(k, GROUP_REASONS_ARG);

	if (k->times && g != GROUP_INJECT && !other)
		memset(k->times, 0, k->n * sizeof(*k->times));
}

/* -ENOTSUP and the like: the reason is in the feature table. */
static int attach(struct kvm *k, enum group g, bool adopt_links, struct features *features)
{
	int err, i;

	if (is_loaded(k, g))
		return 0;
	if (!adopt_links || !adopt(k, g)) {
		detach(k, g, false);
		forget_times(k, g);
		err = load(k, g, k->pin);
		for (i = 0; !err && i < GROUP_PROGS_MAX && groups[g].programs[i]; i++)
			err = object_attach(k->objs[g], groups[g].programs[i], k->pin,
					    &k->links[g][i]);
		if (err) {
			detach(k, g, false);
			feature_no(features, groups[g].feature, "%s (%s)", probe_log_reason(),
				   strerror(-err));
			return err;
		}
	}
	feature_yes(features, groups[g].feature);
	return 0;
}

static void open_files(struct kvm *k, struct features *features)
{
	int err = load(k, GROUP_FILES, k->pin);
	struct bpf_program *prog;

	if (!err) {
		prog = bpf_object__find_program_by_name(k->objs[GROUP_FILES], "kvm_files");
		k->links[GROUP_FILES][0] = bpf_program__attach_iter(prog, NULL);
		if (!k->links[GROUP_FILES][0])
			err = -errno;
	}
	if (err)
		feature_no(features, FEATURE_KVM_FILES, "%s (%s)", probe_log_reason(),
			   strerror(-err));
	else
		feature_yes(features, FEATURE_KVM_FILES);
}

struct kvm *kvm_open(const struct pin *pin, struct sched *sched, bool adopt_maps,
		     struct features *features)
{
	struct kvm *k = g_new0(struct kvm, 1);

	memcpy(k->maps, map_specs, sizeof(map_specs));
	k->pin = pin;
	if (sched) {
		k->n = sched->n;
		k->maps[MAP_THREADS].fd = dup(sched->maps[SCHED_MAP_THREADS].fd);
		k->maps[MAP_GLOBALS].fd = dup(sched->maps[SCHED_MAP_GLOBALS].fd);
		k->has_threads = true;
	}
	k->maps[MAP_VCPUS].entries = k->n ? k->n : 2;
	k->maps[MAP_THREADS].entries = k->maps[MAP_VCPUS].entries;
	if (adopt_maps && pin)
		object_maps_adopt(k->maps + MAP_VCPUS, MAPS - MAP_VCPUS, pin);
	open_files(k, features);
	if (k->maps[MAP_VCPUS].fd >= 0 && k->n) {
		k->times = mmap(NULL, k->n * sizeof(*k->times), PROT_READ | PROT_WRITE, MAP_SHARED,
				k->maps[MAP_VCPUS].fd, 0);
		if (k->times == MAP_FAILED)
			k->times = NULL;
	}
	return k;
}

void kvm_close(struct kvm *k, bool keep_pins)
{
	int g;

	if (!k)
		return;
	for (g = 0; g < GROUPS; g++)
		detach(k, g, keep_pins);
	if (k->times)
		munmap(k->times, k->n * sizeof(*k->times));
	object_maps_close(k->maps, MAPS);
	g_free(k);
}

static void attach_reasons(struct kvm *k, bool adopt_links, struct features *features)
{
	/* The reason is an argument where the tracepoint has three, a field of its record else. */
	if (attach(k, GROUP_REASONS, adopt_links, features))
		attach(k, GROUP_REASONS_ARG, adopt_links, features);
	attach(k, GROUP_INJECT, adopt_links, features);
}

void kvm_attach(struct kvm *k, bool times, bool reasons, bool adopt_links,
		struct features *features)
{
	if (!k->has_threads)
		return;
	if (!reasons) {
		detach(k, GROUP_REASONS, false);
		detach(k, GROUP_REASONS_ARG, false);
		detach(k, GROUP_INJECT, false);
		feature_off(features, FEATURE_KVM_REASONS, "detail level below diagnostic");
		feature_off(features, FEATURE_KVM_INJECT, "detail level below diagnostic");
	}
	/* First off, then on: a gap is closed by the sampled time, what is counted twice is not. */
	if (!times || reasons)
		detach(k, GROUP_TIMES, false);
	if (reasons)
		attach_reasons(k, adopt_links, features);
	if (reasons && (is_loaded(k, GROUP_REASONS) || is_loaded(k, GROUP_REASONS_ARG)))
		feature_yes(features, FEATURE_KVM_TIMES);
	else if (times)
		attach(k, GROUP_TIMES, adopt_links, features);
	else
		feature_off(features, FEATURE_KVM_TIMES, "detail level below detailed");
}

int kvm_scan(struct kvm *k, GArray *found)
{
	if (!is_loaded(k, GROUP_FILES))
		return -ENOTSUP;
	return object_iterate(k->links[GROUP_FILES][0], found, sizeof(struct kvm_found), SCAN_MAX);
}

struct kvm_vcpu_times *kvm_times(struct kvm *k)
{
	return k->times;
}

int kvm_reasons_fd(const struct kvm *k)
{
	return k->maps[MAP_REASONS].fd;
}

int kvm_lost_fd(const struct kvm *k)
{
	return k->maps[MAP_LOST].fd;
}

uint64_t kvm_build(void)
{
	size_t size;
	const void *bytes = kvm_bpf__elf_bytes(&size);

	return object_hash(0xcbf29ce484222325ull, bytes, size);
}
