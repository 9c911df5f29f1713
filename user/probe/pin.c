// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "probe/pin.h"

static int ensure_bpffs(const char *dir)
{
	g_autofree char *parent = g_path_get_dirname(dir);
	struct statfs fs;

	if (statfs(parent, &fs))
		return -errno;
	if (fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", parent, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return -errno;
	return 0;
}

int pin_open(const char *dir, struct pin **ret_pin)
{
	struct pin *pin;
	int fd, err;

	err = ensure_bpffs(dir);
	if (err)
		return err;
	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(fd);
		return err;
	}
	pin = g_new0(struct pin, 1);
	pin->dir = g_strdup(dir);
	pin->lock_fd = fd;
	*ret_pin = pin;
	return 0;
}

void pin_close(struct pin *pin)
{
	if (!pin)
		return;
	close(pin->lock_fd);
	g_free(pin->dir);
	g_free(pin);
}

const char *pin_path(const struct pin *pin, const char *name)
{
	static _Thread_local char path[512];

	snprintf(path, sizeof(path), "%s/%s", pin->dir, name);
	return path;
}

int pin_map(const struct pin *pin, const char *name, uint32_t value_size, uint32_t entries)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	int fd = bpf_obj_get(pin_path(pin, name));

	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) || info.value_size != value_size ||
	    (entries && info.max_entries != entries)) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

int pin_config_read(const struct pin *pin, struct pin_config *ret_config)
{
	int fd = pin_map(pin, "config", sizeof(*ret_config), 1);
	struct pin_config config;
	uint32_t zero = 0;
	int err;

	if (fd < 0)
		return -ENOENT;
	err = bpf_map_lookup_elem(fd, &zero, &config);
	close(fd);
	if (err)
		return -ENOENT;
	*ret_config = config;
	return 0;
}

/* Named fields in `bpftool map dump`. -1 where BTF cannot be loaded: the map is then plain. */
static int config_btf(int *ret_value)
{
	struct btf *btf = btf__new_empty();
	int u32, u64, fd = -1;

	if (!btf)
		return -1;
	u32 = btf__add_int(btf, "u32", 4, 0);
	u64 = btf__add_int(btf, "u64", 8, 0);
	*ret_value = btf__add_struct(btf, "kvmlens_config", sizeof(struct pin_config));
	btf__add_field(btf, "sched_abi", u32, 0, 0);
	btf__add_field(btf, "kvm_abi", u32, 32, 0);
	btf__add_field(btf, "max_threads", u32, 64, 0);
	btf__add_field(btf, "block_abi", u32, 96, 0);
	btf__add_field(btf, "net_abi", u32, 128, 0);
	btf__add_field(btf, "pad", u32, 160, 0);
	btf__add_field(btf, "build", u64, 192, 0);
	if (!btf__load_into_kernel(btf))
		fd = fcntl(btf__fd(btf), F_DUPFD_CLOEXEC, 3);
	btf__free(btf);
	return fd;
}

static int config_create(const struct pin *pin)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	int value = 0, btf_fd = config_btf(&value), fd;

	if (btf_fd >= 0) {
		opts.btf_fd = btf_fd;
		opts.btf_key_type_id = 1;
		opts.btf_value_type_id = value;
	}
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "kvmlens_config", 4, sizeof(struct pin_config), 1,
			    &opts);
	if (btf_fd >= 0)
		close(btf_fd);
	if (fd < 0)
		return -errno;
	if (bpf_obj_pin(fd, pin_path(pin, "config"))) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int pin_config_write(const struct pin *pin, const struct pin_config *config)
{
	int fd = pin_map(pin, "config", sizeof(*config), 1), err = 0;
	uint32_t zero = 0;

	if (fd < 0)
		fd = config_create(pin);
	if (fd < 0)
		return fd;
	if (bpf_map_update_elem(fd, &zero, config, BPF_ANY))
		err = -errno;
	close(fd);
	return err;
}

int pin_remove(const struct pin *pin)
{
	struct dirent *entry;
	int err = 0;
	DIR *dir;

	dir = opendir(pin->dir);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) && !err)
			err = -errno;
	}
	closedir(dir);
	if (!err && rmdir(pin->dir))
		err = -errno;
	return err;
}
