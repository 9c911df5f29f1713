// SPDX-License-Identifier: Apache-2.0
#include "vm/image_files.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/foreign.h"
#include "vm/block_graph.h"
#include "vm/proc_fs.h"
#include "vm/stacking.h"
#include "vm/vmm_cmdline.h"
#include "vm/vmm_root.h"

static unsigned take_disks(const GArray *args, const char *cmdline, size_t len,
			   struct image_file *ret, unsigned cap)
{
	g_autofree char *program = vmm_program(cmdline, len);
	g_autoptr(GArray) disks = block_graph_disks(args, program);
	unsigned n = 0;

	for (unsigned i = 0; i < disks->len && n < cap; i++) {
		const struct block_disk *disk = &g_array_index(disks, struct block_disk, i);

		if (disk->kind != BLOCK_DISK || !disk->path ||
		    strlen(disk->path) >= sizeof(ret->path))
			continue;
		ret[n] = (struct image_file){.size = UINT64_MAX, .used = UINT64_MAX};
		g_strlcpy(ret[n].name, disk->name, sizeof(ret[n].name));
		g_strlcpy(ret[n].path, disk->path, sizeof(ret[n].path));
		n++;
	}
	return n;
}

unsigned image_files_parse(const char *cmdline, size_t len, struct image_file *ret, unsigned cap)
{
	g_autoptr(GArray) args = qemu_args_parse_cmdline(cmdline, len, NULL, NULL);

	return take_disks(args, cmdline, len, ret, cap);
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

/* Of a file that cannot be opened at once, as one under a lease, the format is unknown. */
static void measure_file(int dir, const char *link, const struct foreign_stat *st,
			 struct image_file *image)
{
	int fd = foreign_open(dir, link, NULL);
	char head[32];
	ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
	uint64_t virtual_size = n > 0 ? image_files_qcow2_size(head, n) : UINT64_MAX;

	if (fd >= 0)
		close(fd);
	image->leased = fd == -EWOULDBLOCK;
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

/* An image on its way to the file that the process has open. */
struct wanted {
	struct image_file *image;
	char *text; /* the path without doubled slashes and "./" */
	bool resolved, found;
	struct foreign_stat st; /* of the path, as the process sees it */
};

static void wanted_clear(gpointer data)
{
	g_free(((struct wanted *)data)->text);
}

static char *plain_path(const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	g_autoptr(GString) plain = g_string_new(NULL);

	for (char **part = parts; *part; part++) {
		if (!**part || !strcmp(*part, "."))
			continue;
		if (plain->len || path[0] == '/')
			g_string_append_c(plain, '/');
		g_string_append(plain, *part);
	}
	return g_string_free(g_steal_pointer(&plain), FALSE);
}

/* The descriptor behind "/dev/fdset/2" (-add-fd fd=7,set=2), "/dev/fd/7"; -1: an ordinary path. */
static int descriptor_of(const char *path, const GArray *args)
{
	uint64_t number;

	for (unsigned i = 0; i < args->len && g_str_has_prefix(path, "/dev/fdset/"); i++) {
		const struct qemu_arg *arg = &g_array_index(args, struct qemu_arg, i);
		g_autofree char *set = vmm_option_get(arg->value, NULL, "set");
		g_autofree char *fd = vmm_option_get(arg->value, NULL, "fd");

		if (!strcmp(arg->option, "add-fd") && set && fd && !strcmp(set, path + 11) &&
		    !proc_parse_u64(fd, strlen(fd), INT_MAX, &number))
			return (int)number;
	}
	path += g_str_has_prefix(path, "/proc/self/fd/") ? 14
		: g_str_has_prefix(path, "/dev/fd/")	 ? 8
							 : 0;
	if (*path != '/' && !proc_parse_u64(path, strlen(path), INT_MAX, &number))
		return (int)number;
	return -1;
}

static void resolve(struct wanted *wanted, int proc, pid_t pid, const GArray *args)
{
	const char *path = wanted->image->path;
	int number = path[0] == '/' ? descriptor_of(path, args) : -1;
	char link[48];

	if (number < 0) {
		wanted->resolved = !vmm_root_stat(proc, pid, path, &wanted->st);
		return;
	}
	g_snprintf(link, sizeof(link), "%d/fd/%d", pid, number);
	wanted->resolved = !foreign_stat(proc, link, &wanted->st);
}

/* By what it is, else by its name: its directory may be gone, or the file have been replaced. */
static bool is_wanted(const struct wanted *wanted, const struct foreign_stat *st,
		      const char *target)
{
	size_t n = strlen(target), m = strlen(wanted->text);

	if (wanted->resolved && S_ISBLK(st->mode) && S_ISBLK(wanted->st.mode))
		return st->rdev == wanted->st.rdev;
	if (wanted->resolved && st->ino == wanted->st.ino)
		return st->dev == wanted->st.dev;
	if (g_str_has_suffix(target, " (deleted)"))
		n -= strlen(" (deleted)");
	else if (wanted->resolved)
		return false;
	if (wanted->text[0] == '/')
		return n == m && !strncmp(target, wanted->text, n);
	/* Relative to a directory that it has left. */
	return m && n > m && target[n - m - 1] == '/' && !strncmp(target + n - m, wanted->text, m);
}

static void try_fd(int dir, const char *fd, GArray *wanted)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(dir, fd, target, sizeof(target) - 1);
	struct foreign_stat st;

	if (len <= 0 || target[0] != '/')
		return;
	target[len] = '\0';
	if (foreign_stat(dir, fd, &st) || (!S_ISBLK(st.mode) && !S_ISREG(st.mode)))
		return;
	for (unsigned i = 0; i < wanted->len; i++) {
		struct wanted *w = &g_array_index(wanted, struct wanted, i);

		if (w->found || !is_wanted(w, &st, target))
			continue;
		if (S_ISBLK(st.mode))
			measure_device(&st, w->image);
		else
			measure_file(dir, fd, &st, w->image);
		w->found = true;
	}
}

static void match_fds(int proc, pid_t pid, GArray *wanted)
{
	const struct dirent *entry;
	char path[32];
	DIR *dir;
	int fd;

	g_snprintf(path, sizeof(path), "%d/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	for (unsigned i = 0; dir && i < PROC_FDS_MAX && (entry = readdir(dir)); i++)
		if (entry->d_name[0] != '.')
			try_fd(dirfd(dir), entry->d_name, wanted);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

/* Whose files a -readconfig is among. */
struct reader {
	int proc;
	pid_t pid;
};

static char *read_config(void *ctx, const char *path, size_t *ret_len)
{
	const struct reader *reader = ctx;

	return vmm_root_read(reader->proc, reader->pid, path, QEMU_CONFIG_MAX, ret_len);
}

static void read_images(int proc, pid_t pid, const char *cmdline, size_t len,
			struct image_file *ret, unsigned *ret_n)
{
	struct reader reader = {proc, pid};
	g_autoptr(GArray) args = qemu_args_parse_cmdline(cmdline, len, read_config, &reader);
	g_autoptr(GArray) wanted = g_array_new(FALSE, TRUE, sizeof(struct wanted));
	unsigned n = take_disks(args, cmdline, len, ret, IMAGE_FILES_MAX), kept = 0;

	g_array_set_clear_func(wanted, wanted_clear);
	for (unsigned i = 0; i < n; i++) {
		struct wanted w = {.image = &ret[i], .text = plain_path(ret[i].path)};

		resolve(&w, proc, pid, args);
		g_array_append_val(wanted, w);
	}
	match_fds(proc, pid, wanted);
	for (unsigned i = 0; i < n; i++)
		if (g_array_index(wanted, struct wanted, i).found)
			ret[kept++] = ret[i];
	*ret_n = kept;
}

void image_files_read(const char *proc, pid_t pid, struct image_file *ret, unsigned *ret_n)
{
	int root = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_autofree char *cmdline = NULL;
	char exe[PATH_MAX] = "";
	size_t len = 0;

	*ret_n = 0;
	if (root < 0)
		return;
	proc_fs_exe(root, pid, exe, sizeof(exe));
	if (!proc_fs_cmdline(root, pid, &cmdline, &len) && vmm_cmdline_is_qemu(exe, cmdline, len))
		read_images(root, pid, cmdline, len, ret, ret_n);
	close(root);
}
