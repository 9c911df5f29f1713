// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "probe/block.h"
#include "probe/log.h"
#include "probe/probe.h"
#include "block.skel.h"
#include "block_raw.skel.h"

enum block_map { MAP_VMS, MAP_CGROUPS, MAP_INFLIGHT, MAP_STATS, MAP_COUNTS, MAP_GLOBALS, MAPS };

#define PROGS 3
#define BATCH 256

struct block {
	const struct pin *pin;
	struct object_map maps[MAPS];
	struct bpf_object *obj;
	const char *const *programs;
	struct bpf_link *links[PROGS];
	struct block_globals *globals;
};

static const struct object_map map_specs[MAPS] = {
	[MAP_VMS] = {"block_vms", "block_vms", sizeof(uint32_t), BLOCK_VMS_MAX, -1},
	[MAP_CGROUPS] = {"block_cgroups", "block_cgroups", sizeof(uint32_t), BLOCK_VMS_MAX, -1},
	[MAP_INFLIGHT] = {"block_inflight", "block_inflight", sizeof(struct block_inflight),
			  BLOCK_INFLIGHT_MAX, -1},
	[MAP_STATS] = {"block_stats", "block_stats", sizeof(struct block_value), BLOCK_STATS_MAX,
		       -1},
	[MAP_COUNTS] = {"block_counts", "block_counts", sizeof(uint64_t), BLOCK_COUNTS, -1},
	[MAP_GLOBALS] = {".bss", "block_globals", sizeof(struct block_globals), 1, -1},
};

/* Where the tracepoints have the queue as an argument, before the request. */
static const char *const programs_queue[PROGS + 1] = {"block_insert_q", "block_issue_q",
						      "block_complete"};
static const char *const programs_request[PROGS + 1] = {"block_insert", "block_issue",
							"block_complete"};

/* How many arguments a tracepoint has, by its BTF; the first one is no argument. -1: no telling. */
static int tracepoint_args(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *type;
	int id = btf ? btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF) : -1, n = -1;

	type = id > 0 ? btf__type_by_id(btf, id) : NULL;
	type = type ? btf__type_by_id(btf, type->type) : NULL;
	type = type && btf_is_ptr(type) ? btf__type_by_id(btf, type->type) : NULL;
	if (type && btf_is_func_proto(type))
		n = btf_vlen(type) - 1;
	btf__free(btf);
	return n;
}

static int load_variant(struct block *b, bool raw)
{
	struct object_spec spec = {
		.name = "block", .programs = b->programs, .maps = b->maps, .n_maps = MAPS};

	spec.bytes = raw ? block_raw_bpf__elf_bytes(&spec.size) : block_bpf__elf_bytes(&spec.size);
	return object_load(&spec, b->pin, &b->obj);
}

static int load(struct block *b, bool raw, struct features *features)
{
	int err = raw ? -EOPNOTSUPP : load_variant(b, false);

	if (err)
		err = load_variant(b, true);
	if (err)
		feature_no(features, FEATURE_BLOCK, "%s (%s)", probe_log_reason(), strerror(-err));
	return err;
}

static void detach(struct block *b, bool keep_pins)
{
	for (unsigned i = 0; i < PROGS; i++) {
		if (b->links[i])
			object_detach(b->links[i], b->programs[i], b->pin, keep_pins);
		b->links[i] = NULL;
	}
}

/* All of them, or it would miscount. */
static int attach(struct block *b, bool adopt, struct features *features)
{
	for (unsigned i = 0; i < PROGS; i++) {
		int err = adopt ? object_link_adopt(b->programs[i], b->pin, &b->links[i])
				: object_attach(b->obj, b->programs[i], b->pin, &b->links[i]);

		if (err) {
			feature_no(features, FEATURE_BLOCK, "attach %s: %s", b->programs[i],
				   strerror(-err));
			detach(b, false);
			return err;
		}
	}
	return 0;
}

static void detach_old(const struct pin *pin)
{
	for (unsigned i = 0; i < PROGS; i++) {
		object_detach(NULL, programs_queue[i], pin, false);
		object_detach(NULL, programs_request[i], pin, false);
	}
}

void block_unpin(const struct pin *pin)
{
	detach_old(pin);
	for (unsigned i = 0; i < MAPS; i++)
		unlink(pin_path(pin, map_specs[i].pin));
}

/* Whose they were is not known any more; those that still are will be set again. */
static void forget_cgroups(struct block *b)
{
	uint64_t cgroup;

	while (!bpf_map_get_next_key(b->maps[MAP_CGROUPS].fd, NULL, &cgroup))
		if (bpf_map_delete_elem(b->maps[MAP_CGROUPS].fd, &cgroup))
			break;
}

static int start(struct block *b, const struct block_options *options, struct features *features)
{
	int err = 0;

	if (options->adopt_maps)
		err = object_maps_adopt(b->maps, MAPS, b->pin);
	if (options->adopt_maps && !err)
		forget_cgroups(b);
	if (b->pin && (err || !options->adopt_maps))
		block_unpin(b->pin);
	if (!err && options->adopt_links && !attach(b, true, features))
		return 0;
	if (b->pin)
		detach_old(b->pin);
	err = load(b, options->raw, features);
	return err ?: attach(b, false, features);
}

static int map_globals(struct block *b, struct features *features)
{
	void *p = mmap(NULL, sizeof(*b->globals), PROT_READ | PROT_WRITE, MAP_SHARED,
		       b->maps[MAP_GLOBALS].fd, 0);

	if (p == MAP_FAILED) {
		feature_no(features, FEATURE_BLOCK, "mmap: %s", strerror(errno));
		return -errno;
	}
	b->globals = p;
	return 0;
}

struct block *block_open(const struct pin *pin, const struct block_options *options,
			 struct features *features)
{
	struct block *b = g_new0(struct block, 1);
	int args = tracepoint_args("btf_trace_block_rq_issue");

	memcpy(b->maps, map_specs, sizeof(map_specs));
	b->pin = pin;
	b->programs = args > 1 ? programs_queue : programs_request;
	if (args < 1)
		feature_no(features, FEATURE_BLOCK, "the tracepoint block_rq_issue is not in BTF");
	if (args < 1 || start(b, options, features) || map_globals(b, features)) {
		block_close(b, false);
		return NULL;
	}
	feature_yes(features, FEATURE_BLOCK);
	return b;
}

void block_close(struct block *b, bool keep_pins)
{
	if (!b)
		return;
	detach(b, keep_pins);
	if (b->globals)
		munmap(b->globals, sizeof(*b->globals));
	bpf_object__close(b->obj);
	object_maps_close(b->maps, MAPS);
	g_free(b);
}

static int result(int err)
{
	return err ? -errno : 0;
}

int block_vm_set(struct block *b, uint32_t tgid, bool there)
{
	uint32_t one = 1;

	if (there)
		return result(bpf_map_update_elem(b->maps[MAP_VMS].fd, &tgid, &one, BPF_ANY));
	return result(bpf_map_delete_elem(b->maps[MAP_VMS].fd, &tgid));
}

int block_vms(struct block *b, GArray *tgids)
{
	uint32_t tgid, next, *last = NULL;

	while (tgids->len < BLOCK_VMS_MAX &&
	       !bpf_map_get_next_key(b->maps[MAP_VMS].fd, last, &next)) {
		tgid = next;
		last = &tgid;
		g_array_append_val(tgids, tgid);
	}
	return 0;
}

int block_cgroup_set(struct block *b, uint64_t cgroup, uint32_t tgid)
{
	if (tgid)
		return result(
			bpf_map_update_elem(b->maps[MAP_CGROUPS].fd, &cgroup, &tgid, BPF_ANY));
	return result(bpf_map_delete_elem(b->maps[MAP_CGROUPS].fd, &cgroup));
}

int block_read(struct block *b, GArray *records)
{
	g_autofree struct block_key *keys = g_new(struct block_key, BATCH);
	g_autofree struct block_value *values = g_new(struct block_value, BATCH);
	uint64_t in = 0, out = 0;
	bool first = true;
	uint32_t n;
	int err;

	do {
		n = BATCH;
		err = bpf_map_lookup_batch(b->maps[MAP_STATS].fd, first ? NULL : &in, &out, keys,
					   values, &n, NULL);
		if (err && errno != ENOENT)
			return -errno;
		for (uint32_t i = 0; i < n; i++) {
			struct probe_block record = {keys[i], values[i]};

			g_array_append_val(records, record);
		}
		first = false;
		in = out;
	} while (!err && records->len < BLOCK_STATS_MAX);
	return 0;
}

void block_forget(struct block *b, const struct block_key *key)
{
	bpf_map_delete_elem(b->maps[MAP_STATS].fd, key);
}

uint32_t block_epoch(struct block *b)
{
	return __atomic_fetch_add(&b->globals->epoch, 1, __ATOMIC_RELAXED);
}

int block_counts_fd(const struct block *b)
{
	return b->maps[MAP_COUNTS].fd;
}

uint64_t block_build(void)
{
	size_t size;
	const void *bytes = block_bpf__elf_bytes(&size);
	uint64_t hash = object_hash(0xcbf29ce484222325ull, bytes, size);

	bytes = block_raw_bpf__elf_bytes(&size);
	return object_hash(hash, bytes, size);
}
