// SPDX-License-Identifier: Apache-2.0
#include "vm/image_files.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <glib.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/foreign.h"
#include "vm/proc_fs.h"
#include "vm/stacking.h"
#include "vm/vmm_cmdline.h"

#define ARGS_MAX 4096

/* How many drives of each kind of interface have been seen: QEMU numbers those without an id. */
struct drives {
	struct image_file *files;
	unsigned n, cap;
	unsigned virtio, ide, scsi, none;
};

/* A path of this host; NULL: it is something else, as nbd://host/export. */
static const char *local_path(const char *file)
{
	if (g_str_has_prefix(file, "file:"))
		file += 5;
	if (strstr(file, "://") || g_str_has_prefix(file, "json:") || !*file)
		return NULL;
	return file;
}

static void add(struct drives *d, const char *name, const char *file)
{
	const char *path = local_path(file);
	struct image_file *image;

	if (!path || d->n >= d->cap || strlen(path) >= sizeof(image->path))
		return;
	image = &d->files[d->n++];
	memset(image, 0, sizeof(*image));
	g_strlcpy(image->name, name, sizeof(image->name));
	g_strlcpy(image->path, path, sizeof(image->path));
	image->size = image->used = UINT64_MAX;
}

static void add_unnamed(struct drives *d, const char *interface, const char *file)
{
	g_autofree char *name = NULL;

	if (!strcmp(interface, "virtio"))
		name = g_strdup_printf("virtio%u", d->virtio++);
	else if (!strcmp(interface, "scsi"))
		name = g_strdup_printf("scsi0-hd%u", d->scsi++);
	else if (!strcmp(interface, "none"))
		name = g_strdup_printf("none%u", d->none++);
	else
		name = g_strdup_printf("ide%u-hd%u", d->ide / 2, d->ide % 2);
	d->ide += g_str_has_prefix(name, "ide");
	add(d, name, file);
}

static void add_drive(struct drives *d, const char *option)
{
	g_autofree char *file = vmm_option_get(option, NULL, "file");
	g_autofree char *interface = vmm_option_get(option, NULL, "if");
	g_autofree char *media = vmm_option_get(option, NULL, "media");
	g_autofree char *id = vmm_option_get(option, NULL, "id");

	/* The firmware is no disk, nor is what cannot be written to. */
	if (!file || !g_strcmp0(interface, "pflash") || !g_strcmp0(media, "cdrom"))
		return;
	if (id && *id)
		add(d, id, file);
	else
		add_unnamed(d, interface ?: "ide", file);
}

static void add_json(struct drives *d, const char *option)
{
	json_t *root = json_loads(option, 0, NULL), *inner = json_object_get(root, "file");
	const char *name = json_string_value(json_object_get(root, "node-name"));
	const char *file = json_string_value(json_object_get(root, "filename"));

	if (!file)
		file = json_string_value(json_object_get(inner, "filename"));
	if (name && file)
		add(d, name, file);
	json_decref(root);
}

static void add_blockdev(struct drives *d, const char *option)
{
	g_autofree char *name = NULL, *file = NULL;

	if (option[0] == '{') {
		add_json(d, option);
		return;
	}
	name = vmm_option_get(option, NULL, "node-name");
	file = vmm_option_get(option, NULL, "filename");
	if (!file)
		file = vmm_option_get(option, NULL, "file.filename");
	if (name && file)
		add(d, name, file);
}

static void take_option(struct drives *d, const char *option, const char *value)
{
	static const char *const disks[] = {"hda", "hdb", "hdc", "hdd"};

	option += strspn(option, "-");
	if (!strcmp(option, "drive"))
		add_drive(d, value);
	else if (!strcmp(option, "blockdev"))
		add_blockdev(d, value);
	for (size_t i = 0; i < G_N_ELEMENTS(disks); i++) {
		g_autofree char *name = g_strdup_printf("ide%zu-hd%zu", i / 2, i % 2);

		if (!strcmp(option, disks[i]))
			add(d, name, value);
	}
}

unsigned image_files_parse(const char *cmdline, size_t len, struct image_file *ret, unsigned cap)
{
	g_autofree char *copy = g_malloc0(len + 2);
	struct drives drives = {.files = ret, .cap = cap};
	const char *arg = copy, *end = copy + len;

	memcpy(copy, cmdline, len);
	for (unsigned i = 0; arg < end && i < ARGS_MAX; i++) {
		const char *next = arg + strlen(arg) + 1;

		if (arg[0] == '-' && next < end)
			take_option(&drives, arg, next);
		arg = next;
	}
	return drives.n;
}

uint64_t image_files_qcow2_size(const void *head, size_t len)
{
	static const uint8_t magic[] = {'Q', 'F', 'I', 0xfb};
	uint64_t size;

	if (len < 32 || memcmp(head, magic, sizeof(magic)))
		return UINT64_MAX;
	memcpy(&size, (const char *)head + 24, sizeof(size));
	return be64toh(size);
}

static bool is_path(const char *target, const char *path)
{
	size_t n = strlen(target), m = strlen(path);

	if (path[0] == '/')
		return !strcmp(target, path);
	/* Relative to a directory that it may have left. */
	while (g_str_has_prefix(path, "./")) {
		path += 2;
		m -= 2;
	}
	return n > m && target[n - m - 1] == '/' && !strcmp(target + n - m, path);
}

/* Of a file that cannot be opened at once, as one under a lease, the format is unknown. */
static void measure_file(const char *file, const struct foreign_stat *st, struct image_file *image)
{
	int fd = foreign_open(AT_FDCWD, file, NULL);
	char head[32];
	ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
	uint64_t virtual_size = n > 0 ? image_files_qcow2_size(head, n) : UINT64_MAX;

	if (fd >= 0)
		close(fd);
	image->used = st->blocks * 512;
	if (n >= 0)
		image->size = virtual_size != UINT64_MAX ? virtual_size : st->size;
}

static void measure_device(const struct foreign_stat *st, struct image_file *image)
{
	g_autofree char *path =
		g_strdup_printf("/sys/dev/block/%u:%u/size", major(st->rdev), minor(st->rdev));
	char text[32];
	ssize_t n = proc_fs_read(AT_FDCWD, path, text, sizeof(text));
	uint64_t sectors;

	image->dev = BLOCK_DEV(major(st->rdev), minor(st->rdev));
	if (n > 1 && !proc_parse_u64(text, n - 1, UINT64_MAX / 512, &sectors))
		image->size = sectors * 512;
}

/* Takes an open file for one of the drives that has none yet. */
static void try_fd(const char *dir, const char *fd, struct image_file *images, unsigned n,
		   uint64_t *found)
{
	g_autofree char *link = g_strdup_printf("%s/%s", dir, fd);
	char target[PATH_MAX];
	ssize_t len = readlink(link, target, sizeof(target) - 1);
	struct foreign_stat st;

	if (len <= 0 || target[0] != '/')
		return;
	target[len] = '\0';
	for (unsigned i = 0; i < n; i++) {
		if (*found & 1ull << i || !is_path(target, images[i].path) ||
		    foreign_stat(AT_FDCWD, link, &st))
			continue;
		if (S_ISBLK(st.mode))
			measure_device(&st, &images[i]);
		else if (S_ISREG(st.mode))
			measure_file(link, &st, &images[i]);
		else
			continue;
		*found |= 1ull << i;
		return;
	}
}

static uint64_t match_fds(const char *proc, pid_t pid, struct image_file *images, unsigned n)
{
	g_autofree char *path = g_strdup_printf("%s/%d/fd", proc, pid);
	const struct dirent *entry;
	DIR *dir = opendir(path);
	uint64_t found = 0;

	G_STATIC_ASSERT(IMAGE_FILES_MAX <= 64);
	for (unsigned i = 0; dir && i < PROC_FDS_MAX && (entry = readdir(dir)); i++)
		if (entry->d_name[0] != '.')
			try_fd(path, entry->d_name, images, n, &found);
	if (dir)
		closedir(dir);
	return found;
}

void image_files_read(const char *proc, pid_t pid, struct image_file *ret, unsigned *ret_n)
{
	g_autofree char *path = g_strdup_printf("%s/%d/cmdline", proc, pid);
	g_autofree char *cmdline = g_malloc(VMM_CMDLINE_MAX);
	ssize_t len = proc_fs_read(AT_FDCWD, path, cmdline, VMM_CMDLINE_MAX - 1);
	unsigned n, kept = 0;
	uint64_t found;

	*ret_n = 0;
	if (len <= 0)
		return;
	cmdline[len] = '\0';
	if (!vmm_is_qemu(cmdline))
		return;
	n = image_files_parse(cmdline, len, ret, IMAGE_FILES_MAX);
	found = match_fds(proc, pid, ret, n);
	for (unsigned i = 0; i < n; i++)
		if (found & 1ull << i)
			ret[kept++] = ret[i];
	*ret_n = kept;
}
