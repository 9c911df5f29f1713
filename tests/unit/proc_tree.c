// SPDX-License-Identifier: Apache-2.0
#include "proc_tree.h"

#include <fcntl.h>
#include <ftw.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *path_of(const char *root, pid_t pid, const char *rest)
{
	return g_strdup_printf("%s/%d%s", root, pid, rest);
}

static void put(const char *path, const char *data, gssize len)
{
	g_autoptr(GError) error = NULL;

	if (!g_file_set_contents(path, data, len, &error))
		g_error("%s", error->message);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *proc_tree_new(void)
{
	return g_dir_make_tmp("kvmlens-proc-XXXXXX", NULL);
}

void proc_tree_free(char *root)
{
	remove_tree(root);
	g_free(root);
}

static GByteArray *join(const char *const *argv)
{
	GByteArray *bytes = g_byte_array_new();

	for (; argv && *argv; argv++)
		g_byte_array_append(bytes, (const guint8 *)*argv, strlen(*argv) + 1);
	return bytes;
}

static void put_stat(const char *root, const struct tree_process *p)
{
	g_autofree char *path = path_of(root, p->pid, "/stat");
	g_autofree char *line = g_strdup_printf(
		"%d (%s) %c %d %d %d 0 -1 %u 10 0 2 0 30 40 0 0 20 0 %u 0 %llu 4096000 250 "
		"18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		p->pid, p->comm, p->state ? p->state : 'S', p->ppid, p->pid, p->pid, p->flags,
		p->threads ?: 1, p->start);

	put(path, line, -1);
}

static void put_status(const char *root, const struct tree_process *p)
{
	g_autofree char *path = path_of(root, p->pid, "/status");
	g_autofree char *text =
		g_strdup_printf("Name:\t%s\nUmask:\t0022\nPid:\t%d\nUid:\t%u\t%u\t%u\t%u\n",
				p->comm, p->pid, p->uid, p->uid, p->uid, p->uid);

	put(path, text, -1);
}

void proc_tree_add(const char *root, const struct tree_process *p)
{
	g_autofree char *task = path_of(root, p->pid, "/task");
	g_autofree char *fd = path_of(root, p->pid, "/fd");
	g_autofree char *exe = path_of(root, p->pid, "/exe");
	g_autofree char *cmdline = path_of(root, p->pid, "/cmdline");
	g_autoptr(GByteArray) bytes = join(p->argv);

	g_mkdir_with_parents(task, 0755);
	g_mkdir_with_parents(fd, 0755);
	put_stat(root, p);
	put_status(root, p);
	put(cmdline, (const char *)bytes->data ?: "", bytes->len);
	unlink(exe);
	if (p->exe && symlink(p->exe, exe))
		g_error("cannot make %s", exe);
	proc_tree_thread(root, p->pid, p->pid, p->comm);
}

void proc_tree_remove(const char *root, pid_t pid)
{
	g_autofree char *path = path_of(root, pid, "");

	remove_tree(path);
}

void proc_tree_thread(const char *root, pid_t pid, pid_t tid, const char *comm)
{
	g_autofree char *dir = g_strdup_printf("%s/%d/task/%d", root, pid, tid);
	g_autofree char *path = g_build_filename(dir, "comm", NULL);
	g_autofree char *line = g_strconcat(comm, "\n", NULL);

	g_mkdir_with_parents(dir, 0755);
	put(path, line, -1);
}

void proc_tree_end_thread(const char *root, pid_t pid, pid_t tid)
{
	g_autofree char *dir = g_strdup_printf("%s/%d/task/%d", root, pid, tid);

	remove_tree(dir);
}

void proc_tree_fd(const char *root, pid_t pid, int fd, const char *target)
{
	g_autofree char *path = g_strdup_printf("%s/%d/fd/%d", root, pid, fd);

	unlink(path);
	if (symlink(target, path))
		g_error("cannot make %s", path);
}

void proc_tree_wedge(const char *root, pid_t pid)
{
	g_autofree char *path = path_of(root, pid, "/cmdline");

	unlink(path);
	if (mkfifo(path, 0644))
		g_error("cannot make %s", path);
}

void proc_tree_unwedge(const char *root, pid_t pid, const char *const *argv)
{
	g_autofree char *path = path_of(root, pid, "/cmdline");
	g_autoptr(GByteArray) bytes = join(argv);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, bytes->data, bytes->len) != (ssize_t)bytes->len)
		g_error("cannot write to %s", path);
	close(fd);
}
