// SPDX-License-Identifier: Apache-2.0
#include "probe/memslots.h"

#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>
#include "probe/log.h"
#include "memslots.skel.h"

#define SCAN_MAX 65536

struct memslots {
	struct bpf_object *object;
	struct bpf_link *link;
};

static int load(struct memslots *m)
{
	static const char *const programs[] = {"kvm_memslots", NULL};
	struct object_spec spec = {.name = "memslots", .programs = programs};
	struct bpf_program *program;
	int err;

	spec.bytes = memslots_bpf__elf_bytes(&spec.size);
	err = object_load(&spec, NULL, &m->object);
	if (err)
		return err;
	program = bpf_object__find_program_by_name(m->object, programs[0]);
	m->link = bpf_program__attach_iter(program, NULL);
	return m->link ? 0 : -errno;
}

struct memslots *memslots_open(struct features *features)
{
	struct memslots *m = g_new0(struct memslots, 1);
	int err = load(m);

	if (!err) {
		feature_yes(features, FEATURE_KVM_SLOTS);
		return m;
	}
	feature_no(features, FEATURE_KVM_SLOTS, "%s (%s)", probe_log_reason(), strerror(-err));
	memslots_close(m);
	return NULL;
}

void memslots_close(struct memslots *m)
{
	if (!m)
		return;
	bpf_link__destroy(m->link);
	bpf_object__close(m->object);
	g_free(m);
}

int memslots_scan(struct memslots *m, GArray *slots)
{
	return object_iterate(m->link, slots, sizeof(struct kvm_slot), SCAN_MAX);
}
