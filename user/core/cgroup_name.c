// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/cgroup_name.h"

#define FILEID_KERNFS 0xfe
#define MOUNTS_MAX 2

struct mount {
	int fd;
	char *path;
};

struct entry {
	char *name; /* NULL: there was no such cgroup */
	uint64_t used;
};

struct cgroup_names {
	struct mount mounts[CGROUP_TREES]; /* fd -1: there is no such tree */
	GHashTable *by_id; /* id << 1 | tree */
	uint64_t tick;
};

static void entry_free(gpointer data)
{
	struct entry *e = data;

	g_free(e->name);
	g_free(e);
}

static void add_mount(struct cgroup_names *names, enum cgroup_tree tree, const char *path)
{
	struct mount *mount = &names->mounts[tree];

	if (mount->fd >= 0)
		return;
	mount->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mount->path = g_strdup(path);
}

static bool has_cpu(const char *options)
{
	g_auto(GStrv) list = g_strsplit(options, ",", -1);

	return g_strv_contains((const char *const *)list, "cpu");
}

/* "36 35 98:0 /root /mount options optional... - type source super-options" */
static void read_mount(struct cgroup_names *names, const char *line)
{
	char path[256], type[32], super[256];
	const char *rest = strstr(line, " - ");

	if (!rest || sscanf(line, "%*s %*s %*s %*s %255s", path) != 1 ||
	    sscanf(rest, " - %31s %*s %255s", type, super) != 2)
		return;
	if (!strcmp(type, "cgroup2"))
		add_mount(names, CGROUP_UNIFIED, path);
	else if (!strcmp(type, "cgroup") && has_cpu(super))
		add_mount(names, CGROUP_CPU, path);
}

struct cgroup_names *cgroup_names_new(const char *mountinfo)
{
	struct cgroup_names *names = g_new0(struct cgroup_names, 1);
	char line[4096];
	FILE *f;
	int i;

	for (i = 0; i < CGROUP_TREES; i++)
		names->mounts[i].fd = -1;
	names->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, entry_free);
	f = fopen(mountinfo ? mountinfo : "/proc/self/mountinfo", "re");
	while (f && fgets(line, sizeof(line), f))
		read_mount(names, line);
	if (f)
		fclose(f);
	return names;
}

void cgroup_names_free(struct cgroup_names *names)
{
	int i;

	if (!names)
		return;
	for (i = 0; i < CGROUP_TREES; i++) {
		if (names->mounts[i].fd >= 0)
			close(names->mounts[i].fd);
		g_free(names->mounts[i].path);
	}
	g_hash_table_unref(names->by_id);
	g_free(names);
}

/* The directory that a handle stands for, as a path below the mount. */
static char *path_of(const struct mount *mount, uint64_t id)
{
	struct {
		struct file_handle head;
		uint64_t id;
	} handle = {.head = {.handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS}};
	char link[64], path[4096];
	ssize_t n;
	int fd;

	memcpy(handle.head.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(mount->fd, &handle.head, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	close(fd);
	if (n <= 0)
		return NULL;
	path[n] = '\0';
	if (!g_str_has_prefix(path, mount->path) || g_str_has_suffix(path, " (deleted)"))
		return NULL;
	return g_strdup(path[strlen(mount->path)] ? path + strlen(mount->path) : "/");
}

const char *cgroup_name(struct cgroup_names *names, enum cgroup_tree tree, uint64_t id)
{
	const struct mount *mount = &names->mounts[tree];
	uint64_t key = id << 1 | tree;
	struct entry *e = g_hash_table_lookup(names->by_id, &key);

	if (!e) {
		e = g_new0(struct entry, 1);
		e->name = mount->fd >= 0 ? path_of(mount, id) : NULL;
		g_hash_table_insert(names->by_id, g_memdup2(&key, sizeof(key)), e);
	}
	e->used = names->tick;
	return e->name;
}

const char *cgroup_mount(const struct cgroup_names *names, enum cgroup_tree tree)
{
	return names->mounts[tree].path;
}

static gboolean unused(gpointer key, gpointer value, gpointer tick)
{
	return ((struct entry *)value)->used != *(uint64_t *)tick;
}

void cgroup_names_expire(struct cgroup_names *names)
{
	g_hash_table_foreach_remove(names->by_id, unused, &names->tick);
	names->tick++;
}
