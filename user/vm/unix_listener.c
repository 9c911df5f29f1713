// SPDX-License-Identifier: Apache-2.0
#include "vm/unix_listener.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>

#include "vm/proc_fs.h"

#define BUFFER 65536
#define ANSWER_S 2
#define LISTENING 10 /* TCP_LISTEN, which Unix sockets use as well */
#define ACCEPTING 0x10000 /* __SO_ACCEPTCON of net.h */
#define TABLE_MAX (4 << 20)
#define LISTENERS_MAX 64 /* sockets of one file's number: one, but for other file systems' */

struct search {
	const struct foreign_stat *file;
	GArray *found; /* uint32_t: inodes of sockets */
};

static int read_vfs(const struct nlattr *attr, void *data)
{
	struct unix_listener *listener = data;
	struct unix_diag_vfs vfs;

	if (mnl_attr_get_type(attr) != UNIX_DIAG_VFS ||
	    mnl_attr_get_payload_len(attr) < sizeof(vfs))
		return MNL_CB_OK;
	memcpy(&vfs, mnl_attr_get_payload(attr), sizeof(vfs));
	listener->file_ino = vfs.udiag_vfs_ino;
	listener->file_dev = vfs.udiag_vfs_dev;
	return MNL_CB_OK;
}

int unix_listener_parse(const void *message, size_t len, struct unix_listener *ret_listener)
{
	const struct nlmsghdr *head = message;
	const struct unix_diag_msg *diag;
	struct unix_listener listener = {0};

	if (len < sizeof(*head) || len > INT32_MAX || head->nlmsg_len > len ||
	    !mnl_nlmsg_ok(head, (int)len) || head->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    mnl_nlmsg_get_payload_len(head) < sizeof(*diag))
		return -EINVAL;
	diag = mnl_nlmsg_get_payload(head);
	if (diag->udiag_family != AF_UNIX || diag->udiag_state != LISTENING)
		return -EINVAL;
	listener.socket = diag->udiag_ino;
	mnl_attr_parse(head, sizeof(*diag), read_vfs, &listener);
	if (!listener.file_ino && !listener.file_dev)
		return -EINVAL;
	*ret_listener = listener;
	return 0;
}

/* The kernel's own form of a device's number: 12 bits of major, 20 of minor. */
static uint32_t kernel_dev(dev_t dev)
{
	return major(dev) << 20 | minor(dev);
}

static int take(const struct nlmsghdr *head, void *data)
{
	struct search *search = data;
	struct unix_listener listener;

	if (!unix_listener_parse(head, head->nlmsg_len, &listener) &&
	    listener.file_ino == (uint32_t)search->file->ino &&
	    listener.file_dev == kernel_dev(search->file->dev) &&
	    search->found->len < LISTENERS_MAX)
		g_array_append_val(search->found, listener.socket);
	return MNL_CB_OK;
}

static void close_socket(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

static int dump(struct search *search)
{
	__attribute__((cleanup(close_socket))) struct mnl_socket *nl = NULL;
	struct timeval deadline = {.tv_sec = ANSWER_S};
	g_autofree char *buf = g_malloc0(BUFFER);
	struct unix_diag_req *request;
	struct nlmsghdr *head;
	int r = MNL_CB_OK;
	ssize_t n;

	nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	head = mnl_nlmsg_put_header(buf);
	head->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	head->nlmsg_seq = 1;
	request = mnl_nlmsg_put_extra_header(head, sizeof(*request));
	request->sdiag_family = AF_UNIX;
	request->udiag_states = 1u << LISTENING;
	request->udiag_show = UDIAG_SHOW_VFS;
	if (mnl_socket_sendto(nl, head, head->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(nl, buf, BUFFER);
		if (n < 0)
			return -errno;
		r = mnl_cb_run(buf, n, 1, mnl_socket_get_portid(nl), take, search);
	}
	if (r < 0)
		return errno == ENOENT || errno == EINVAL ? -EOPNOTSUPP : -errno;
	return 0;
}

bool unix_listener_held(int proc, pid_t pid, uint32_t socket)
{
	g_autofree char *wanted = g_strdup_printf("socket:[%u]", socket);
	const struct dirent *entry;
	char path[32], target[64];
	bool held = false;
	DIR *dir;
	int fd;

	g_snprintf(path, sizeof(path), "%d/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	for (unsigned i = 0; dir && !held && i < PROC_FDS_MAX && (entry = readdir(dir)); i++) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		target[MAX(n, 0)] = '\0';
		held = !strcmp(target, wanted);
	}
	if (dir)
		closedir(dir);
	return held;
}

/* Num: RefCount Protocol Flags Type St Inode Path */
uint32_t unix_listener_by_path(const char *text, size_t len, const char *path)
{
	g_autofree char *copy = g_strndup(text, len);
	char *line, *rest = copy;

	while ((line = strsep(&rest, "\n"))) {
		unsigned flags, socket;
		int at = 0;

		if (sscanf(line, "%*s %*x %*x %x %*x %*x %u %n", &flags, &socket, &at) == 2 && at &&
		    (flags & ACCEPTING) && !strcmp(line + at, path))
			return socket;
	}
	return 0;
}

bool unix_listener_claims(int proc, pid_t pid, const char *path)
{
	g_autofree char *text = g_malloc(TABLE_MAX);
	uint32_t socket;
	char name[32];
	ssize_t n;

	g_snprintf(name, sizeof(name), "%d/net/unix", pid);
	n = proc_fs_read(proc, name, text, TABLE_MAX);
	socket = n > 0 ? unix_listener_by_path(text, n, path) : 0;
	return socket && unix_listener_held(proc, pid, socket);
}

int unix_listener_is(int proc, pid_t pid, const struct foreign_stat *file)
{
	g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct search search = {file, found};
	int r = dump(&search);

	for (guint i = 0; !r && i < found->len; i++)
		if (unix_listener_held(proc, pid, g_array_index(found, uint32_t, i)))
			return 1;
	return r;
}
