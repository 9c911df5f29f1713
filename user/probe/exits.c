// SPDX-License-Identifier: Apache-2.0
#include "probe/exits.h"

#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>
#include "exit.skel.h"
#include "probe/log.h"
#include "probe/object.h"

struct exits {
	struct bpf_object *object, *oom_object; /* oom_object: NULL, refused */
	struct bpf_link *link, *oom_link;
	struct object_map map;
};

static int load(struct exits *e, const char *program, struct bpf_object **ret_object,
		struct bpf_link **ret_link)
{
	const char *const programs[] = {program, NULL};
	struct object_spec spec = {
		.name = "exit", .programs = programs, .maps = &e->map, .n_maps = 1};
	int err;

	spec.bytes = exit_bpf__elf_bytes(&spec.size);
	err = object_load(&spec, NULL, ret_object);
	return err ? err : object_attach(*ret_object, program, NULL, ret_link);
}

struct exits *exits_open(struct features *features)
{
	struct exits *e = g_new0(struct exits, 1);
	int err;

	e->map = (struct object_map){.name = "exit_processes",
				     .value_size = sizeof(struct exit_record),
				     .entries = EXIT_PROCESSES_MAX,
				     .fd = -1};
	err = load(e, "exit_process", &e->object, &e->link);
	if (err) {
		feature_no(features, FEATURE_EXITS, "%s (%s)", probe_log_reason(), strerror(-err));
		exits_close(e);
		return NULL;
	}
	/* Without it a kill for want of memory is a kill like others: ignoring. */
	load(e, "exit_oom", &e->oom_object, &e->oom_link);
	feature_yes(features, FEATURE_EXITS);
	return e;
}

void exits_close(struct exits *e)
{
	if (!e)
		return;
	bpf_link__destroy(e->link);
	bpf_link__destroy(e->oom_link);
	bpf_object__close(e->object);
	bpf_object__close(e->oom_object);
	object_maps_close(&e->map, 1);
	g_free(e);
}

int exits_watch(struct exits *e, uint32_t tgid)
{
	struct exit_record record = {0};
	int err = bpf_map_update_elem(e->map.fd, &tgid, &record, BPF_NOEXIST);

	if (err == -EEXIST || (err && errno == EEXIST))
		return 0;
	return err ? (errno == E2BIG ? -ENOSPC : -errno) : 0;
}

int exits_take(struct exits *e, uint32_t tgid, struct exit_record *ret_record)
{
	if (bpf_map_lookup_elem(e->map.fd, &tgid, ret_record))
		return -ENOENT;
	bpf_map_delete_elem(e->map.fd, &tgid);
	return 0;
}
