// SPDX-License-Identifier: Apache-2.0
#include "vm/vmm_root.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <unistd.h>

/* The process's directory in front of a relative path. NULL: it cannot be read. */
static char *absolute(int proc, pid_t pid, const char *path)
{
	char link[32], cwd[PATH_MAX];
	ssize_t n;

	if (path[0] == '/')
		return g_strdup(path);
	g_snprintf(link, sizeof(link), "%d/cwd", pid);
	n = readlinkat(proc, link, cwd, sizeof(cwd) - 1);
	if (n <= 0)
		return NULL;
	cwd[n] = '\0';
	return g_strconcat(cwd, "/", path, NULL);
}

/* An O_PATH descriptor. */
static int resolve(int proc, pid_t pid, const char *path, struct foreign_stat *ret_stat)
{
	g_autofree char *full = absolute(proc, pid, path);
	char link[32];
	int root, fd;

	if (!full)
		return -ENOENT;
	g_snprintf(link, sizeof(link), "%d/root", pid);
	root = openat(proc, link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	fd = foreign_resolve(root, full, ret_stat);
	close(root);
	return fd;
}

int vmm_root_stat(int proc, pid_t pid, const char *path, struct foreign_stat *ret_stat)
{
	int fd = resolve(proc, pid, path, ret_stat);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static char *read_all(int fd, size_t size, size_t *ret_len)
{
	char *buf = g_malloc(size + 1);
	size_t len = 0;
	ssize_t n;

	while (len < size && (n = read(fd, buf + len, size - len)) > 0)
		len += n;
	buf[len] = '\0';
	*ret_len = len;
	return buf;
}

char *vmm_root_read(int proc, pid_t pid, const char *path, size_t max, size_t *ret_len)
{
	struct foreign_stat st;
	int handle = resolve(proc, pid, path, &st), fd = -1;
	char link[40], *text = NULL;

	if (handle < 0)
		return NULL;
	g_snprintf(link, sizeof(link), "/proc/self/fd/%d", handle);
	if (S_ISREG(st.mode) && st.size <= max)
		fd = foreign_open(AT_FDCWD, link, NULL);
	close(handle);
	if (fd >= 0) {
		text = read_all(fd, max, ret_len);
		close(fd);
	}
	return text;
}
