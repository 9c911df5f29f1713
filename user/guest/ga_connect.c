// SPDX-License-Identifier: Apache-2.0
#include "guest/ga_connect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/ga_find.h"
#include "guest/ga_link.h"
#include "guest/ga_text.h"
#include "vm/proc_fs.h"

#define STATUS_MAX 8192

static int find_path(int root, pid_t pid, char **ret_path)
{
	g_autofree char *cmdline = NULL;
	size_t len;
	int r = proc_fs_cmdline(root, pid, &cmdline, &len);

	if (r)
		return r;
	*ret_path = ga_find_socket(cmdline, len);
	return *ret_path ? 0 : -ENOENT;
}

/* The ids by which a process opens files: the last of four. */
static bool file_id(const char *status, const char *end, const char *name, unsigned *ret_id)
{
	const char *at = g_strstr_len(status, end - status, name);
	uint64_t ids[4];

	if (!at)
		return false;
	at += strlen(name);
	for (size_t i = 0; i < G_N_ELEMENTS(ids); i++)
		if (!ga_text_number(&at, end, &ids[i]) || ids[i] >= UINT32_MAX)
			return false;
	*ret_id = ids[3];
	return true;
}

static int owner_of(int root, pid_t pid, unsigned *ret_uid, unsigned *ret_gid)
{
	g_autofree char *status = g_malloc(STATUS_MAX);
	char path[32];
	ssize_t n;

	snprintf(path, sizeof(path), "%d/status", (int)pid);
	n = proc_fs_read(root, path, status, STATUS_MAX);
	if (n < 0)
		return n;
	return file_id(status, status + n, "\nUid:", ret_uid) &&
			       file_id(status, status + n, "\nGid:", ret_gid)
		       ? 0
		       : -EPROTO;
}

/* By a descriptor of the path, which may be longer than an address has room for. */
static int connect_path(int fd, int root, pid_t pid, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_autofree char *full =
		g_strdup_printf("%d/%s%s%s", (int)pid, *path == '/' ? "root" : "cwd",
				*path == '/' ? "" : "/", path);
	int at = openat(root, full, O_PATH | O_CLOEXEC), r = 0;

	if (at < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", at);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		r = -errno;
	close(at);
	return r;
}

/* The path is the process's own word: who listens there may be somebody else. */
static int check_peer(int fd, pid_t pid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	return peer.pid == pid ? 0 : -EXDEV;
}

/* These ids are of this thread alone. Where they cannot be had, connecting tells. */
static int connect_as(int fd, int root, pid_t pid, const char *path)
{
	unsigned uid, gid, was_gid, was_uid;
	int r = owner_of(root, pid, &uid, &gid);

	if (r)
		return r;
	was_gid = setfsgid(gid);
	was_uid = setfsuid(uid);
	r = connect_path(fd, root, pid, path);
	setfsuid(was_uid);
	setfsgid(was_gid);
	/* QEMU may have made its socket before it gave up being root. */
	if (r == -EACCES)
		r = connect_path(fd, root, pid, path);
	return r ?: check_peer(fd, pid);
}

static void explain(int error, char *why)
{
	if (error == -ENOENT)
		g_strlcpy(why, "QEMU has no socket for a guest agent", GA_WHY_LEN);
	else if (error == -EXDEV)
		g_strlcpy(why, "the agent's socket is another process's", GA_WHY_LEN);
	else if (error == -EAGAIN)
		g_strlcpy(why, "the agent's socket is in use by others", GA_WHY_LEN);
	else
		snprintf(why, GA_WHY_LEN, "the agent's socket: %s", g_strerror(-error));
}

int ga_connect(pid_t pid, char *why)
{
	g_autofree char *path = NULL;
	int root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = root < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : find_path(root, pid, &path);

	if (!r)
		r = connect_as(fd, root, pid, path);
	if (root >= 0)
		close(root);
	if (!r)
		return fd;
	if (fd >= 0)
		close(fd);
	explain(r, why);
	return r;
}
