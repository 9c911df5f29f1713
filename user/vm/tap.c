// SPDX-License-Identifier: Apache-2.0
#include "vm/tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/link.h"
#include "vm/proc_fs.h"

#define TUN "/dev/net/tun"
#define MACVTAP "/dev/tap"

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

uint32_t tap_parse_target(const char *target, size_t len)
{
	size_t n = sizeof(MACVTAP) - 1;
	uint64_t index;

	if (len <= n || memcmp(target, MACVTAP, n) ||
	    proc_parse_u64(target + n, len - n, INT32_MAX, &index))
		return 0;
	return index;
}

static void add(GArray *taps, const struct tap *tap)
{
	for (unsigned i = 0; i < taps->len; i++) {
		const struct tap *t = &g_array_index(taps, struct tap, i);

		if (t->index == tap->index && !strcmp(t->name, tap->name))
			return; /* one queue of several */
	}
	if (taps->len < TAPS_MAX)
		g_array_append_val(taps, *tap);
}

static void look_at(int root, pid_t pid, const char *fd, const char *target, size_t len,
		    GArray *taps)
{
	struct tap tap = {.index = tap_parse_target(target, len)};
	char path[64], text[1024];
	ssize_t n;

	if (!tap.index) {
		if (len != sizeof(TUN) - 1 || memcmp(target, TUN, len))
			return;
		g_snprintf(path, sizeof(path), "%d/fdinfo/%s", pid, fd);
		n = proc_fs_read(root, path, text, sizeof(text));
		if (n <= 0 || !tap_parse_fdinfo(text, n, tap.name))
			return;
	}
	add(taps, &tap);
}

int tap_scan(int root, pid_t pid, GArray *taps)
{
	const struct dirent *entry;
	char path[32], target[64];
	unsigned seen = 0;
	DIR *dir;
	int fd;

	g_snprintf(path, sizeof(path), "%d/fd", pid);
	fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	while (seen++ < PROC_FDS_MAX && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));

		if (n > 0 && strlen(entry->d_name) < 16)
			look_at(root, pid, entry->d_name, target, n, taps);
	}
	closedir(dir);
	return 0;
}

uint64_t tap_netns(int root, pid_t pid)
{
	char path[32] = "self/ns/net";
	struct stat st;

	if (pid)
		g_snprintf(path, sizeof(path), "%d/ns/net", pid);
	return fstatat(root, path, &st, 0) ? 0 : st.st_ino;
}
