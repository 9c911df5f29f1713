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
#include "util/foreign.h"
#include "vm/proc_fs.h"
#include "vm/tap.h"
#include "vm/unix_listener.h"

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

/* Where the socket is: its path, as the process sees it. O_PATH, nothing is opened. */
static int resolve(int root, pid_t pid, const char *path, struct foreign_stat *ret_file)
{
	char name[32];
	int dir, fd;

	snprintf(name, sizeof(name), "%d/%s", (int)pid, *path == '/' ? "root" : "cwd");
	dir = openat(root, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	fd = foreign_resolve(dir, path, ret_file);
	close(dir);
	if (fd >= 0 && !S_ISSOCK(ret_file->mode)) {
		close(fd);
		return -ENOTSOCK;
	}
	return fd;
}

/* The path may be longer than an address has room for; and it is to be this very file. */
static int connect_file(int fd, int file)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", file);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
}

/* Once more where it counts: before the first byte is sent. */
static int check_peer(int fd, pid_t pid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	return peer.pid == pid ? 0 : -EXDEV;
}

/* The network namespace decides which sockets sock_diag shows. */
static bool shares_netns(int root, pid_t pid)
{
	uint64_t own = tap_netns(root, 0);

	return own && tap_netns(root, pid) == own;
}

/*
 * Connect with the rights of the process: these ids are of this thread alone. More is done only
 * where the kernel has said that the process listens there, as QEMU may have made its socket
 * before it gave up being root.
 */
static int connect_as(int fd, int root, pid_t pid, const char *path, int file, bool proven)
{
	unsigned uid, gid, was_gid, was_uid;
	int r = owner_of(root, pid, &uid, &gid);

	if (r)
		return r;
	if (!uid && !proven && !unix_listener_claims(root, pid, path))
		return -EXDEV;
	was_gid = setfsgid(gid);
	was_uid = setfsuid(uid);
	r = connect_file(fd, file);
	setfsuid(was_uid);
	setfsgid(was_gid);
	if (r == -EACCES && proven)
		r = connect_file(fd, file);
	return r ?: check_peer(fd, pid);
}

/*
 * Of a process in another network namespace, or on a kernel without unix_diag, nothing is proven;
 * the right of the process itself then has to do; root's own process has to listen by that path.
 */
static int connect_socket(int fd, int root, pid_t pid, const char *path)
{
	struct foreign_stat st;
	int file = resolve(root, pid, path, &st), r;

	if (file < 0)
		return file;
	r = unix_listener_is(root, pid, &st);
	if (r <= 0 && r != -EOPNOTSUPP && shares_netns(root, pid))
		r = r ?: -EXDEV;
	else
		r = connect_as(fd, root, pid, path, file, r == 1);
	close(file);
	return r;
}

static void explain(int error, char *why)
{
	if (error == -ENOENT)
		g_strlcpy(why, "QEMU has no socket for a guest agent", GA_WHY_LEN);
	else if (error == -EXDEV)
		g_strlcpy(why, "QEMU does not listen on its agent's socket", GA_WHY_LEN);
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
		r = connect_socket(fd, root, pid, path);
	if (root >= 0)
		close(root);
	if (!r)
		return fd;
	if (fd >= 0)
		close(fd);
	explain(r, why);
	return r;
}
