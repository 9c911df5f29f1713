// SPDX-License-Identifier: Apache-2.0
#include "vm/stacking.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "vm/proc_fs.h"

#define DEPTH_MAX 8
#define DISKS_MAX 64
#define MOUNTINFO_MAX (4 << 20)

static const char *sys_root(const struct stacking_roots *roots)
{
	return roots && roots->sys ? roots->sys : "/sys";
}

static char *sys_path(const struct stacking_roots *roots, uint32_t dev, const char *rest)
{
	return g_strdup_printf("%s/dev/block/%u:%u%s", sys_root(roots), BLOCK_MAJOR(dev),
			       BLOCK_MINOR(dev), rest);
}

char *stacking_name(const struct stacking_roots *roots, uint32_t dev)
{
	g_autofree char *path = sys_path(roots, dev, "");
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n <= 0)
		return g_strdup_printf("%u:%u", BLOCK_MAJOR(dev), BLOCK_MINOR(dev));
	target[n] = '\0';
	return g_path_get_basename(target);
}

/* The contents of a small file of sysfs, without the line's end; NULL. */
static char *read_line(const char *path)
{
	char text[PATH_MAX];
	ssize_t n = proc_fs_read(AT_FDCWD, path, text, sizeof(text) - 1);

	if (n <= 0)
		return NULL;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text[0] ? g_strdup(text) : NULL;
}

static bool read_dev(const char *path, uint32_t *ret_dev)
{
	g_autofree char *text = read_line(path);
	unsigned major, minor;

	if (!text || sscanf(text, "%u:%u", &major, &minor) != 2)
		return false;
	*ret_dev = BLOCK_DEV(major, minor);
	return true;
}

static void add_disk(GArray *devs, uint32_t dev)
{
	for (unsigned i = 0; i < devs->len; i++)
		if (g_array_index(devs, uint32_t, i) == dev)
			return;
	if (devs->len < DISKS_MAX)
		g_array_append_val(devs, dev);
}

static void walk(const struct stacking_roots *roots, uint32_t dev, unsigned depth, GArray *devs);

/* What a mapped device or an array is made of. False: it is a disk of its own. */
static bool walk_slaves(const struct stacking_roots *roots, uint32_t dev, unsigned depth,
			GArray *devs)
{
	g_autofree char *path = sys_path(roots, dev, "/slaves");
	GDir *dir = depth < DEPTH_MAX ? g_dir_open(path, 0, NULL) : NULL;
	const char *name;
	bool any = false;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *file = g_strdup_printf("%s/%s/dev", path, name);
		uint32_t slave;

		if (!read_dev(file, &slave))
			continue;
		walk(roots, slave, depth + 1, devs);
		any = true;
	}
	if (dir)
		g_dir_close(dir);
	return any;
}

static void walk(const struct stacking_roots *roots, uint32_t dev, unsigned depth, GArray *devs)
{
	g_autofree char *partition = sys_path(roots, dev, "/partition");
	g_autofree char *parent = sys_path(roots, dev, "/../dev");
	uint32_t whole = dev;

	if (!access(partition, F_OK))
		read_dev(parent, &whole);
	if (!walk_slaves(roots, whole, depth, devs))
		add_disk(devs, whole);
}

void stacking_disks(const struct stacking_roots *roots, uint32_t dev, GArray *devs)
{
	walk(roots, dev, 0, devs);
}

char *stacking_loop_file(const struct stacking_roots *roots, uint32_t dev)
{
	g_autofree char *path = sys_path(roots, dev, "/loop/backing_file");

	return read_line(path);
}

/* A mount point in mountinfo has blanks, tabs, line feeds and backslashes as \040 and so on. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		unsigned code;

		if (from[0] == '\\' && sscanf(from + 1, "%3o", &code) == 1 && from[1] && from[2] &&
		    from[3]) {
			*to = (char)code;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static bool lies_below(const char *path, const char *mount)
{
	size_t n = strlen(mount);

	if (n && mount[n - 1] == '/')
		n--;
	return !strncmp(path, mount, n) && (path[n] == '/' || !path[n]);
}

bool stacking_mount_dev(const char *mountinfo, size_t len, const char *path, uint32_t *ret_dev)
{
	g_autofree char *text = g_strndup(mountinfo, len);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	unsigned major, minor, found_major = 0, found_minor = 0;
	char mount[PATH_MAX];
	size_t best = 0;

	for (char **line = lines; *line; line++) {
		if (sscanf(*line, "%*u %*u %u:%u %*s %4095s", &major, &minor, mount) != 3)
			continue;
		unescape(mount);
		/* Of two mounts on one place the later one is in force. */
		if (!lies_below(path, mount) || strlen(mount) < best)
			continue;
		best = strlen(mount);
		found_major = major;
		found_minor = minor;
	}
	if (!best || !found_major || found_major > 0xfff || found_minor > 0xfffff)
		return false;
	*ret_dev = BLOCK_DEV(found_major, found_minor);
	return true;
}

bool stacking_file_disks(const struct stacking_roots *roots, const char *path, GArray *devs)
{
	const char *file = roots && roots->mountinfo ? roots->mountinfo : "/proc/self/mountinfo";
	g_autofree char *text = NULL;
	struct stat st;
	uint32_t dev;
	ssize_t n;

	/* devtmpfs cannot hang. */
	if (g_str_has_prefix(path, "/dev/") && !stat(path, &st) && S_ISBLK(st.st_mode)) {
		stacking_disks(roots, BLOCK_DEV(major(st.st_rdev), minor(st.st_rdev)), devs);
		return true;
	}
	text = g_malloc(MOUNTINFO_MAX);
	n = proc_fs_read(AT_FDCWD, file, text, MOUNTINFO_MAX);
	if (n <= 0 || !stacking_mount_dev(text, n, path, &dev))
		return false;
	stacking_disks(roots, dev, devs);
	return true;
}
