// SPDX-License-Identifier: Apache-2.0
#include "vm/tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/major.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/foreign.h"
#include "vm/link.h"
#include "vm/proc_fs.h"

#define TUN_MINOR 200
#define DEVICES_MAX 16384

/* One reading of one process. */
struct scan {
	const struct tap_host *host;
	pid_t pid;
	bool prove;
	unsigned macvtap, ipvtap; /* major numbers */
	GArray *taps;
	int left_out; /* beyond TAPS_MAX */
};

bool tap_parse_fdinfo(const char *text, size_t len, char *ret)
{
	static const char key[] = "iff:";
	const char *end = text + len, *line, *next;
	char name[IFNAMSIZ] = "";
	size_t n;

	for (line = text; line < end; line = next) {
		const char *eol = memchr(line, '\n', end - line);

		next = eol ? eol + 1 : end;
		eol = eol ?: end;
		if ((size_t)(eol - line) < sizeof(key) || memcmp(line, key, sizeof(key) - 1))
			continue;
		for (line += sizeof(key) - 1; line < eol && (*line == '\t' || *line == ' '); line++)
			;
		n = eol - line;
		if (n >= sizeof(name) || memchr(line, '\0', n))
			return false;
		memcpy(name, line, n);
		if (!link_name_valid(name))
			return false;
		memcpy(ret, name, sizeof(name));
		return true;
	}
	return false;
}

bool tap_parse_device(const char *link, struct tap *ret_tap)
{
	g_auto(GStrv) parts = g_strsplit(link, "/", 32);
	unsigned n = g_strv_length(parts);
	const char *name, *class, *node;
	struct tap tap = {0};
	uint64_t index;

	if (n < 4 || strcmp(parts[n - 4], "net"))
		return false;
	name = parts[n - 3];
	class = parts[n - 2];
	node = parts[n - 1];
	if ((strcmp(class, "macvtap") && strcmp(class, "ipvtap")) || !link_name_valid(name) ||
	    !g_str_has_prefix(node, "tap") ||
	    proc_parse_u64(node + 3, strlen(node + 3), INT32_MAX, &index) || !index)
		return false;
	g_strlcpy(tap.name, name, sizeof(tap.name));
	tap.index = index;
	*ret_tap = tap;
	return true;
}

unsigned tap_parse_major(const char *devices, const char *driver)
{
	const char *line = devices;
	unsigned major;
	char name[64];

	while (line && *line) {
		if (sscanf(line, "%u %63s", &major, name) == 2 && !strcmp(name, driver))
			return major;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return 0;
}

/* How many do not fit: 0 or 1. */
static int add(GArray *taps, const struct tap *tap)
{
	for (unsigned i = 0; i < taps->len; i++) {
		const struct tap *t = &g_array_index(taps, struct tap, i);

		if (t->index == tap->index && !strcmp(t->name, tap->name))
			return 0; /* one queue of several */
	}
	if (taps->len >= TAPS_MAX)
		return 1;
	g_array_append_val(taps, *tap);
	return 0;
}

/* The namespace of a tap, by a copy of its owner's descriptor; 0: the kernel does not say. */
static uint64_t tun_netns(pid_t pid, int number)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	int fd = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, number, 0);
	struct foreign_stat st;
	struct stat ns;
	uint64_t ino = 0;
	int netns;

	/* The number may be another file's by now. */
	if (fd >= 0 && !foreign_stat(fd, "", &st) && S_ISCHR(st.mode) &&
	    st.rdev == makedev(MISC_MAJOR, TUN_MINOR)) {
		netns = ioctl(fd, TUNGETDEVNETNS);
		if (netns >= 0 && !fstat(netns, &ns))
			ino = ns.st_ino;
		if (netns >= 0)
			close(netns);
	}
	if (fd >= 0)
		close(fd);
	if (process >= 0)
		close(process);
	return ino;
}

static bool read_tun(const struct scan *scan, const char *fd, struct tap *tap)
{
	char path[64], text[1024];
	uint64_t number;
	ssize_t n;

	if (proc_parse_u64(fd, strlen(fd), INT32_MAX, &number))
		return false;
	g_snprintf(path, sizeof(path), "%d/fdinfo/%s", scan->pid, fd);
	n = proc_fs_read(scan->host->proc, path, text, sizeof(text));
	if (n <= 0 || !tap_parse_fdinfo(text, n, tap->name))
		return false;
	return !scan->prove || tun_netns(scan->pid, number) == scan->host->netns;
}

/* Classes of sysfs show the devices of one network namespace, links by number those of all. */
static bool read_macvtap(const struct scan *scan, dev_t dev, struct tap *tap)
{
	const char *sys = scan->host->sys ?: "/sys", *class;
	g_autofree char *path = g_strdup_printf("%s/dev/char/%u:%u", sys, major(dev), minor(dev));
	g_autofree char *shown = NULL;
	struct tap same;
	char target[512];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n <= 0)
		return false;
	target[n] = '\0';
	if (!tap_parse_device(target, tap))
		return false;
	class = major(dev) == scan->macvtap ? "macvtap" : "ipvtap";
	shown = g_strdup_printf("%s/class/%s/tap%u", sys, class, tap->index);
	if (!scan->prove)
		return true;
	n = readlink(shown, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	return tap_parse_device(target, &same) && same.index == tap->index &&
	       !strcmp(same.name, tap->name);
}

static void look_at(struct scan *scan, int dir, const char *fd)
{
	struct foreign_stat st;
	struct tap tap = {0};
	bool is_tap;

	if (foreign_stat(dir, fd, &st) || !S_ISCHR(st.mode))
		return;
	if (st.rdev == makedev(MISC_MAJOR, TUN_MINOR))
		is_tap = read_tun(scan, fd, &tap);
	else if (major(st.rdev) &&
		 (major(st.rdev) == scan->macvtap || major(st.rdev) == scan->ipvtap))
		is_tap = read_macvtap(scan, st.rdev, &tap);
	else
		return;
	if (is_tap)
		scan->left_out += add(scan->taps, &tap);
}

static void read_majors(struct scan *scan)
{
	g_autofree char *text = g_malloc(DEVICES_MAX + 1);
	ssize_t n = proc_fs_read(scan->host->proc, "devices", text, DEVICES_MAX);

	if (n <= 0)
		return;
	text[n] = '\0';
	scan->macvtap = tap_parse_major(text, "macvtap");
	scan->ipvtap = tap_parse_major(text, "ipvtap");
}

int tap_scan(const struct tap_host *host, pid_t pid, bool prove, GArray *taps)
{
	struct scan scan = {.host = host, .pid = pid, .prove = prove, .taps = taps};
	const struct dirent *entry;
	char path[32], target[2];
	unsigned seen = 0;
	DIR *dir;
	int fd;

	g_snprintf(path, sizeof(path), "%d/fd", pid);
	fd = openat(host->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	read_majors(&scan);
	while (seen++ < PROC_FDS_MAX && (entry = readdir(dir))) {
		/* Sockets, pipes and the like have no path. */
		if (strlen(entry->d_name) < 16 &&
		    readlinkat(dirfd(dir), entry->d_name, target, sizeof(target)) > 0 &&
		    target[0] == '/')
			look_at(&scan, dirfd(dir), entry->d_name);
	}
	closedir(dir);
	return scan.left_out;
}

uint64_t tap_netns(int root, pid_t pid)
{
	char path[32] = "self/ns/net";
	struct stat st;

	if (pid)
		g_snprintf(path, sizeof(path), "%d/ns/net", pid);
	return fstatat(root, path, &st, 0) ? 0 : st.st_ino;
}
