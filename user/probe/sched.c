// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "probe/log.h"
#include "probe/sched.h"
#include "sched.skel.h"
#include "sched_raw.skel.h"

static const char *const program_names[SCHED_PROGS] = {
	[SCHED_PROG_SWITCH] = "sched_switch",	[SCHED_PROG_MIGRATE] = "sched_migrate",
	[SCHED_PROG_WAKEUP] = "sched_wakeup",	[SCHED_PROG_WAKEUP_NEW] = "sched_wakeup_new",
	[SCHED_PROG_NEWTASK] = "sched_newtask", [SCHED_PROG_EXIT] = "sched_exit",
};

static const struct object_map map_specs[SCHED_MAPS] = {
	[SCHED_MAP_THREADS] = {"sched_threads", "sched_threads", sizeof(struct sched_thread), 0,
			       -1},
	[SCHED_MAP_GLOBALS] = {".bss", "sched_globals", sizeof(struct sched_globals), 1, -1},
	[SCHED_MAP_LOST] = {"sched_lost", "sched_lost", sizeof(uint64_t), SCHED_LOST_MAX, -1},
	[SCHED_MAP_EVENTS] = {"sched_events", "sched_events", 0, 64 * 1024, -1},
	[SCHED_MAP_BLAME_CPUS] = {"sched_blame_cpus", "sched_blame_cpus",
				  sizeof(struct sched_blame_cpu), 0, -1},
};

/* Which programs this kernel needs: wakeup hooks only without stamps, migrate only from 6.12. */
static void wanted_programs(bool wanted[SCHED_PROGS], struct features *features)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *type;
	bool info = false, delayed = false;
	int id, i;

	id = btf ? btf__find_by_name_kind(btf, "sched_info", BTF_KIND_STRUCT) : -1;
	type = id > 0 ? btf__type_by_id(btf, id) : NULL;
	info = type && btf_vlen(type) > 0;
	id = btf ? btf__find_by_name_kind(btf, "sched_entity", BTF_KIND_STRUCT) : -1;
	type = id > 0 ? btf__type_by_id(btf, id) : NULL;
	for (i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off),
			    "sched_delayed"))
			delayed = true;
	btf__free(btf);
	if (info)
		feature_yes(features, FEATURE_SCHED_INFO);
	else
		feature_no(features, FEATURE_SCHED_INFO, "struct sched_info has no fields");
	for (i = 0; i < SCHED_PROGS; i++)
		wanted[i] = true;
	wanted[SCHED_PROG_MIGRATE] = delayed;
	wanted[SCHED_PROG_WAKEUP] = wanted[SCHED_PROG_WAKEUP_NEW] = !info;
}

static struct sched *sched_new(const struct pin *pin, unsigned max_threads)
{
	struct sched *s = g_new0(struct sched, 1);

	memcpy(s->maps, map_specs, sizeof(map_specs));
	g_mutex_init(&s->scanning);
	s->pin = pin;
	s->n = max_threads + 1;
	s->maps[SCHED_MAP_THREADS].entries = s->n;
	s->maps[SCHED_MAP_BLAME_CPUS].entries = (uint32_t)libbpf_num_possible_cpus();
	return s;
}

/* NULL with errno set. */
static void *map_one(struct sched *s, enum sched_map map, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s->maps[map].fd, 0);

	/* cppcheck-suppress memleak ; a mapping, which unmap ends */
	return p == MAP_FAILED ? NULL : p;
}

static int map_memory(struct sched *s)
{
	s->records = map_one(s, SCHED_MAP_THREADS, s->n * sizeof(*s->records));
	s->globals = map_one(s, SCHED_MAP_GLOBALS, sizeof(*s->globals));
	return s->records && s->globals ? 0 : -errno;
}

static void unmap_memory(struct sched *s)
{
	if (s->records)
		munmap(s->records, s->n * sizeof(*s->records));
	if (s->globals)
		munmap(s->globals, sizeof(*s->globals));
}

static int load_variant(struct sched *s, bool raw, const char *const *programs)
{
	struct object_spec spec = {
		.name = "sched", .programs = programs, .maps = s->maps, .n_maps = SCHED_MAPS};

	spec.bytes = raw ? sched_raw_bpf__elf_bytes(&spec.size) : sched_bpf__elf_bytes(&spec.size);
	return object_load(&spec, s->pin, &s->obj);
}

static int load(struct sched *s, const bool *wanted, struct features *features)
{
	const char *programs[SCHED_PROGS + 1] = {};
	unsigned i, n = 0;
	int err;

	for (i = 0; i < SCHED_PROGS; i++)
		if (wanted[i])
			programs[n++] = program_names[i];
	err = s->raw ? -EOPNOTSUPP : load_variant(s, false, programs);
	if (!err) {
		feature_yes(features, FEATURE_SCHED_BTF);
		return 0;
	}
	feature_no(features, FEATURE_SCHED_BTF, "%s (%s)", probe_log_reason(), strerror(-err));
	err = load_variant(s, true, programs);
	if (err)
		feature_no(features, FEATURE_SCHED, "%s (%s)", probe_log_reason(), strerror(-err));
	return err;
}

static void open_iterator(struct sched *s, struct features *features)
{
	static const char *const programs[] = {"sched_waiting", NULL};
	struct object_spec spec = {
		.name = "sched", .programs = programs, .maps = s->maps, .n_maps = SCHED_MAPS};
	struct bpf_program *prog;
	int err;

	spec.bytes = sched_bpf__elf_bytes(&spec.size);
	err = object_load(&spec, NULL, &s->iter_obj);
	if (!err) {
		prog = bpf_object__find_program_by_name(s->iter_obj, programs[0]);
		s->iter_link = bpf_program__attach_iter(prog, NULL);
		err = s->iter_link ? 0 : -errno;
	}
	if (err)
		feature_no(features, FEATURE_WAITING, "%s (%s)", probe_log_reason(),
			   strerror(-err));
	else
		feature_yes(features, FEATURE_WAITING);
}

static void detach_old(const struct pin *pin)
{
	unsigned i;

	for (i = 0; i < SCHED_PROGS; i++)
		object_detach(NULL, program_names[i], pin, false);
}

/* sched_switch must be there; the others each add something. */
static int attach(struct sched *s, const bool *wanted, bool adopt, struct features *features)
{
	unsigned i;
	int err;

	if (s->pin && !adopt)
		detach_old(s->pin);
	for (i = 0; i < SCHED_PROGS; i++) {
		if (!wanted[i])
			continue;
		err = adopt ? object_link_adopt(program_names[i], s->pin, &s->links[i])
			    : object_attach(s->obj, program_names[i], s->pin, &s->links[i]);
		if (err && i == SCHED_PROG_SWITCH) {
			feature_no(features, FEATURE_SCHED, "attach: %s", strerror(-err));
			return err;
		}
	}
	feature_yes(features, FEATURE_SCHED);
	if (s->links[SCHED_PROG_NEWTASK] && s->links[SCHED_PROG_EXIT])
		feature_yes(features, FEATURE_THREAD_EVENTS);
	else
		feature_no(features, FEATURE_THREAD_EVENTS, "no tracepoint for births and deaths");
	return 0;
}

int sched_open(const struct pin *pin, const struct sched_options *options,
	       struct features *features, struct sched **ret_sched)
{
	struct sched *s = sched_new(pin, options->max_threads);
	bool wanted[SCHED_PROGS];
	int err;

	wanted_programs(wanted, features);
	s->raw = options->without & (1u << FEATURE_SCHED_BTF);
	if (options->adopt_maps) {
		err = object_maps_adopt(s->maps, SCHED_MAPS, pin);
		if (err)
			goto fail;
	}
	if (options->adopt_links)
		feature_yes(features, FEATURE_SCHED_BTF);
	if (!options->adopt_links || attach(s, wanted, true, features)) {
		err = load(s, wanted, features);
		if (!err)
			err = attach(s, wanted, false, features);
		if (err)
			goto fail;
	}
	err = map_memory(s);
	if (err) {
		feature_no(features, FEATURE_SCHED, "mmap: %s", strerror(-err));
		goto fail;
	}
	s->globals->blame_on = !(options->without & (1u << FEATURE_BLAME));
	if (s->globals->blame_on) {
		feature_yes(features, FEATURE_BLAME);
	} else {
		feature_off(features, FEATURE_BLAME, "switched off");
		memset(s->globals->blame_cpus, 0, sizeof(s->globals->blame_cpus));
	}
	open_iterator(s, features);
	*ret_sched = s;
	return 0;
fail:
	sched_close(s, false);
	return err;
}

void sched_close(struct sched *s, bool keep_pins)
{
	unsigned i;

	if (!s)
		return;
	for (i = 0; i < SCHED_PROGS; i++)
		if (s->links[i])
			object_detach(s->links[i], program_names[i], s->pin, keep_pins);
	unmap_memory(s);
	bpf_object__close(s->obj);
	bpf_link__destroy(s->iter_link);
	bpf_object__close(s->iter_obj);
	object_maps_close(s->maps, SCHED_MAPS);
	g_mutex_clear(&s->scanning);
	g_free(s);
}

int sched_scan_waiting(struct sched *s, uint64_t now, GArray *waiting)
{
	int err;

	if (!s->iter_link)
		return -ENOTSUP;
	/* Programs read one time for all: another thread's walk would change it under this one. */
	g_mutex_lock(&s->scanning);
	s->globals->now = now;
	err = object_iterate(s->iter_link, waiting, sizeof(struct sched_waiting), s->n);
	g_mutex_unlock(&s->scanning);
	return err;
}

uint64_t sched_build(void)
{
	size_t size;
	const void *bytes = sched_bpf__elf_bytes(&size);
	uint64_t hash = object_hash(0xcbf29ce484222325ull, bytes, size);

	bytes = sched_raw_bpf__elf_bytes(&size);
	return object_hash(hash, bytes, size);
}
