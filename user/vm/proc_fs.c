// SPDX-License-Identifier: Apache-2.0
#include "vm/proc_fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/vmm_cmdline.h"

/* A name is given within microseconds of a thread's birth; a second leaves room for a slow one. */
#define SETTLE_NS 1000000000ull

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define AUTO_FD __attribute__((cleanup(close_fd))) int
#define AUTO_DIR __attribute__((cleanup(close_dir))) DIR *

ssize_t proc_fs_read(int root, const char *path, char *buf, size_t cap)
{
	AUTO_FD fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (len < cap) {
		n = read(fd, buf + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += n;
	}
	return len;
}

static DIR *open_dir(int root, const char *path)
{
	int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

/* The next entry whose name is a number, NULL at the end. */
static const struct dirent *next_number(DIR *dir, pid_t *ret_number)
{
	const struct dirent *entry;
	uint64_t number;

	while ((entry = readdir(dir))) {
		if (proc_parse_u64(entry->d_name, strlen(entry->d_name), INT_MAX, &number))
			continue;
		*ret_number = number;
		return entry;
	}
	return NULL;
}

static int by_number(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int proc_fs_pids(int root, GArray *pids)
{
	AUTO_DIR dir = open_dir(root, ".");
	pid_t pid;

	if (!dir)
		return -errno;
	while (pids->len < PROC_PIDS_MAX && next_number(dir, &pid))
		g_array_append_val(pids, pid);
	g_array_sort(pids, by_number);
	return 0;
}

int proc_fs_stat(int root, pid_t pid, struct proc_stat *ret_stat)
{
	char path[32], buf[1024];
	ssize_t n;

	g_snprintf(path, sizeof(path), "%d/stat", pid);
	n = proc_fs_read(root, path, buf, sizeof(buf));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : n;
	return proc_parse_stat(buf, n, ret_stat);
}

int proc_fs_exe(int root, pid_t pid, char *ret, size_t cap)
{
	static const char deleted[] = " (deleted)";
	char path[32], target[PATH_MAX];
	ssize_t n;

	g_snprintf(path, sizeof(path), "%d/exe", pid);
	n = readlinkat(root, path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (g_str_has_suffix(target, deleted))
		target[n - (sizeof(deleted) - 1)] = '\0';
	return g_strlcpy(ret, target, cap) < cap ? 0 : -ENAMETOOLONG;
}

uint32_t proc_fs_exe_uid(int root, pid_t pid)
{
	struct statx st;
	char path[32];

	g_snprintf(path, sizeof(path), "%d/exe", pid);
	if (statx(root, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_UID, &st) ||
	    !(st.stx_mask & STATX_UID))
		return UINT32_MAX;
	return st.stx_uid;
}

int proc_fs_owner_ids(int root, pid_t pid, struct owner_ids *ret_ids)
{
	char path[32], text[4096];
	ssize_t n;

	g_snprintf(path, sizeof(path), "%d/status", pid);
	n = proc_fs_read(root, path, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : n;
	return owner_parse_status(text, n, ret_ids);
}

int proc_fs_cmdline(int root, pid_t pid, char **ret, size_t *ret_len)
{
	g_autofree char *buf = g_malloc(VMM_CMDLINE_MAX);
	char path[32];
	ssize_t n;

	g_snprintf(path, sizeof(path), "%d/cmdline", pid);
	n = proc_fs_read(root, path, buf, VMM_CMDLINE_MAX);
	if (n < 0)
		return n;
	*ret = g_memdup2(buf, n);
	*ret_len = n;
	return 0;
}

static void read_comm(int root, pid_t pid, struct proc_thread *thread)
{
	char path[48], buf[PROC_COMM_MAX + 1];
	ssize_t n;

	g_snprintf(path, sizeof(path), "%d/task/%d/comm", pid, thread->tid);
	n = proc_fs_read(root, path, buf, sizeof(buf) - 1);
	/* A thread that ends in this moment keeps the name it had. */
	if (n <= 0)
		return;
	if (buf[n - 1] == '\n')
		n--;
	memset(thread->comm, 0, sizeof(thread->comm));
	memcpy(thread->comm, buf, MIN((size_t)n, sizeof(thread->comm) - 1));
	thread->role = proc_thread_role(thread->comm);
}

static int by_tid(const void *a, const void *b)
{
	const struct proc_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static struct proc_thread thread_now(int root, pid_t pid, pid_t tid, uint64_t ino, uint64_t now_ns,
				     const GArray *before)
{
	struct proc_thread key = {.tid = tid}, *known = NULL;

	if (before->len)
		known = bsearch(&key, before->data, before->len, sizeof(key), by_tid);
	if (known && known->ino == ino)
		key = *known;
	else
		key = (struct proc_thread){.tid = tid,
					   .ino = ino,
					   .first_ns = now_ns,
					   .role = {.role = SCHED_ROLE_EMULATOR}};
	if (key.settled)
		return key;
	read_comm(root, pid, &key);
	key.settled = now_ns - key.first_ns >= SETTLE_NS;
	return key;
}

int proc_fs_threads(int root, pid_t pid, uint64_t now_ns, GArray *threads, uint64_t *dropped)
{
	g_autoptr(GArray) now = g_array_new(FALSE, TRUE, sizeof(struct proc_thread));
	const struct dirent *entry;
	char path[32];
	pid_t tid;

	g_snprintf(path, sizeof(path), "%d/task", pid);
	AUTO_DIR dir = open_dir(root, path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((entry = next_number(dir, &tid))) {
		if (now->len == PROC_THREADS_MAX) {
			(*dropped)++;
			continue;
		}
		struct proc_thread thread =
			thread_now(root, pid, tid, entry->d_ino, now_ns, threads);
		g_array_append_val(now, thread);
	}
	if (!now->len)
		return -ESRCH;
	g_array_sort(now, by_tid);
	g_array_set_size(threads, 0);
	g_array_append_vals(threads, now->data, now->len);
	return 0;
}

int proc_fs_kvm_fds(int root, pid_t pid, struct proc_kvm_fds *ret_fds)
{
	struct proc_kvm_fds fds = {0};
	char path[32], target[64];
	const struct dirent *entry;
	uint32_t vcpu;
	pid_t number;

	g_snprintf(path, sizeof(path), "%d/fd", pid);
	AUTO_DIR dir = open_dir(root, path);
	if (!dir)
		return -errno;
	for (unsigned i = 0; i < PROC_FDS_MAX && (entry = next_number(dir, &number)); i++) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));

		if (n <= 0)
			continue;
		switch (proc_parse_fd(target, n, &vcpu)) {
		case PROC_FD_KVM_VM:
			fds.vms++;
			break;
		case PROC_FD_KVM_VCPU:
			fds.vcpus++;
			break;
		default:
			break;
		}
	}
	*ret_fds = fds;
	return 0;
}
