// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "probe/log.h"
#include "probe/object.h"

static bool listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

static struct bpf_map *find_map(struct bpf_object *obj, const char *name)
{
	struct bpf_map *map;

	if (name[0] != '.')
		return bpf_object__find_map_by_name(obj, name);
	bpf_object__for_each_map(map,
				 obj) if (g_str_has_suffix(bpf_map__name(map), name)) return map;
	return NULL;
}

static int prepare_maps(struct bpf_object *obj, const struct object_spec *spec)
{
	struct bpf_map *map;
	unsigned i;
	int err;

	for (i = 0; i < spec->n_maps; i++) {
		map = find_map(obj, spec->maps[i].name);
		if (!map)
			continue;
		if (spec->maps[i].fd >= 0)
			err = bpf_map__reuse_fd(map, spec->maps[i].fd);
		else
			err = spec->maps[i].name[0] == '.'
				      ? 0
				      : bpf_map__set_max_entries(map, spec->maps[i].entries);
		if (err)
			return err;
	}
	return 0;
}

static int keep_maps(struct bpf_object *obj, const struct object_spec *spec, const struct pin *pin)
{
	unsigned i;

	for (i = 0; i < spec->n_maps; i++) {
		struct object_map *m = &spec->maps[i];
		struct bpf_map *map = find_map(obj, m->name);

		if (!map || m->fd >= 0)
			continue;
		m->fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3);
		if (m->fd < 0)
			return -errno;
		if (pin && bpf_obj_pin(m->fd, pin_path(pin, m->pin)))
			return -errno;
	}
	return 0;
}

int object_load(const struct object_spec *spec, const struct pin *pin, struct bpf_object **ret_obj)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = spec->name);
	struct bpf_program *prog;
	struct bpf_object *obj;
	int err;

	probe_log_begin();
	obj = bpf_object__open_mem(spec->bytes, spec->size, &opts);
	if (!obj)
		return -errno;
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, listed(spec->programs, bpf_program__name(prog)));
	err = prepare_maps(obj, spec);
	if (!err)
		err = bpf_object__load(obj);
	if (!err)
		err = keep_maps(obj, spec, pin);
	if (err) {
		bpf_object__close(obj);
		return err;
	}
	*ret_obj = obj;
	return 0;
}

int object_maps_adopt(struct object_map *maps, unsigned n, const struct pin *pin)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		maps[i].fd = pin_map(pin, maps[i].pin, maps[i].value_size, maps[i].entries);
		if (maps[i].fd < 0) {
			int err = maps[i].fd;

			object_maps_close(maps, i);
			return err;
		}
	}
	return 0;
}

void object_maps_close(struct object_map *maps, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (maps[i].fd >= 0)
			close(maps[i].fd);
		maps[i].fd = -1;
	}
}

static const char *link_path(const struct pin *pin, const char *program)
{
	char name[64];

	snprintf(name, sizeof(name), "link_%s", program);
	return pin_path(pin, name);
}

int object_attach(struct bpf_object *obj, const char *program, const struct pin *pin,
		  struct bpf_link **ret_link)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, program);
	struct bpf_link *link;
	int err;

	if (!prog)
		return -ENOENT;
	link = bpf_program__attach(prog);
	if (!link)
		return -errno;
	/* A perf-based link cannot be pinned before 5.15: it then ends with the process. */
	if (pin) {
		err = bpf_link__pin(link, link_path(pin, program));
		if (err && err != -EINVAL && err != -EOPNOTSUPP) {
			bpf_link__destroy(link);
			return err;
		}
	}
	*ret_link = link;
	return 0;
}

int object_link_adopt(const char *program, const struct pin *pin, struct bpf_link **ret_link)
{
	struct bpf_link *link = bpf_link__open(link_path(pin, program));

	if (!link)
		return -errno;
	*ret_link = link;
	return 0;
}

void object_detach(struct bpf_link *link, const char *program, const struct pin *pin, bool keep_pin)
{
	if (pin && !keep_pin)
		unlink(link_path(pin, program));
	bpf_link__destroy(link);
}

int object_iterate(struct bpf_link *link, GArray *records, size_t size, unsigned max)
{
	char batch[16384];
	size_t whole = sizeof(batch) / size * size;
	int fd = bpf_iter_create(bpf_link__fd(link)), err = 0;
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* A read may end within a record. */
	while ((n = read(fd, batch + have, whole - have)) > 0) {
		have += n;
		if (records->len + have / size > max) {
			err = -E2BIG;
			break;
		}
		g_array_append_vals(records, batch, have / size);
		memmove(batch, batch + have / size * size, have % size);
		have %= size;
	}
	if (n < 0)
		err = -errno;
	close(fd);
	return err;
}

uint64_t object_hash(uint64_t hash, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;

	for (; size; size--, p++)
		hash = (hash ^ *p) * 0x100000001b3ull;
	return hash;
}
