// SPDX-License-Identifier: Apache-2.0
/* Files of others, each with the real thing that makes a plain open() wait or go astray. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "unit/suite.h"
#include "util/foreign.h"

static char *path_in(const char *dir, const char *name)
{
	return g_build_filename(dir, name, NULL);
}

static char *new_dir(void)
{
	return g_dir_make_tmp("kvmlens-foreign-XXXXXX", NULL);
}

/* A process that holds a write lease on the file and never gives it up. */
static pid_t hold_lease(const char *path)
{
	int ready[2], fd;
	char byte = 'n';
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		signal(SIGIO, SIG_IGN);
		fd = open(path, O_RDWR | O_CLOEXEC);
		byte = fd >= 0 && !fcntl(fd, F_SETLEASE, F_WRLCK) ? 'y' : 'n';
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
	CU_ASSERT_EQUAL_FATAL(byte, 'y');
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A plain open() waits for /proc/sys/fs/lease-break-time, 45 s; an alarm would end this test. */
static void test_lease(void)
{
	g_autofree char *dir = new_dir(), *path = path_in(dir, "disk.qcow2");
	struct foreign_stat st = {0};
	pid_t holder;

	CU_ASSERT_TRUE_FATAL(g_file_set_contents(path, "0123456789", 10, NULL));
	holder = hold_lease(path);
	alarm(20);
	CU_ASSERT_EQUAL(foreign_open(AT_FDCWD, path, &st), -EWOULDBLOCK);
	alarm(0);
	CU_ASSERT_EQUAL(foreign_stat(AT_FDCWD, path, &st), 0);
	CU_ASSERT_EQUAL(st.size, 10);
	end(holder);
	g_unlink(path);
	g_rmdir(dir);
}

static void test_kinds(void)
{
	g_autofree char *dir = new_dir(), *fifo = path_in(dir, "fifo"),
			*file = path_in(dir, "file");
	g_autofree char *none = path_in(dir, "none"), *link = NULL;
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), fd;
	struct foreign_stat st;
	char byte;

	CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(file, "x", 1, NULL));
	alarm(20);
	CU_ASSERT_EQUAL(foreign_open(AT_FDCWD, fifo, NULL), -EINVAL);
	CU_ASSERT_EQUAL(foreign_open(AT_FDCWD, "/dev/null", NULL), -EINVAL);
	CU_ASSERT_EQUAL(foreign_open(AT_FDCWD, dir, NULL), -EINVAL);
	CU_ASSERT_EQUAL(foreign_open(AT_FDCWD, none, NULL), -ENOENT);
	if (terminal >= 0 && !grantpt(terminal) && !unlockpt(terminal))
		CU_ASSERT_EQUAL(foreign_open(AT_FDCWD, ptsname(terminal), NULL), -EINVAL);
	alarm(0);

	/* By the link of an open descriptor, as of another process, even when the name is gone. */
	fd = open(file, O_RDONLY | O_CLOEXEC);
	g_unlink(file);
	link = g_strdup_printf("/proc/self/fd/%d", fd);
	int again = foreign_open(AT_FDCWD, link, &st);
	CU_ASSERT_TRUE_FATAL(again >= 0);
	CU_ASSERT_TRUE(S_ISREG(st.mode));
	CU_ASSERT_EQUAL(read(again, &byte, 1), 1);
	CU_ASSERT_EQUAL(byte, 'x');
	CU_ASSERT_TRUE(fcntl(again, F_GETFD) & FD_CLOEXEC);
	close(again);
	close(fd);
	if (terminal >= 0)
		close(terminal);
	g_unlink(fifo);
	g_rmdir(dir);
}

/* Resolve inside a directory, and what file it is: its first byte; 0: there is none. */
static char leads_to(int root, const char *path)
{
	struct foreign_stat st;
	int fd = foreign_resolve(root, path, &st), file;
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
	char byte = 0;

	if (fd < 0)
		return 0;
	file = open(link, O_RDONLY | O_CLOEXEC);
	if (file >= 0 && read(file, &byte, 1) != 1)
		byte = 0;
	if (file >= 0)
		close(file);
	close(fd);
	return byte;
}

static void test_resolve(void)
{
	g_autofree char *dir = new_dir(), *root = path_in(dir, "root"), *in = path_in(root, "file");
	g_autofree char *out = path_in(dir, "file"), *up = path_in(root, "up");
	g_autofree char *absolute = path_in(root, "absolute"), *magic = path_in(root, "magic");
	g_autofree char *near = path_in(root, "near");
	struct foreign_stat st;
	int fd, r;

	CU_ASSERT_EQUAL_FATAL(mkdir(root, 0755), 0);
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(in, "i", 1, NULL));
	CU_ASSERT_TRUE_FATAL(g_file_set_contents(out, "o", 1, NULL));
	CU_ASSERT_EQUAL(symlink("../../../../../../file", up), 0);
	CU_ASSERT_EQUAL(symlink(out, absolute), 0);
	CU_ASSERT_EQUAL(symlink("/proc/self/exe", magic), 0);
	CU_ASSERT_EQUAL(symlink("/file", near), 0);
	fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = foreign_resolve(fd, "/file", &st);
	if (r == -ENOSYS) {
		printf(" (no openat2 before Linux 5.6: skipped) ");
	} else {
		CU_ASSERT_TRUE(r >= 0);
		CU_ASSERT_EQUAL(leads_to(fd, "/file"), 'i');
		CU_ASSERT_EQUAL(leads_to(fd, "file"), 'i');
		CU_ASSERT_EQUAL(leads_to(fd, "/near"), 'i');
		CU_ASSERT_EQUAL(leads_to(fd, "/up"), 'i');
		CU_ASSERT_EQUAL(leads_to(fd, "/../file"), 'i');
		CU_ASSERT_EQUAL(leads_to(fd, "/absolute"), 0);
		CU_ASSERT_EQUAL(leads_to(fd, "/magic"), 0);
		close(r);
	}
	close(fd);
	/* Of the root itself: the kernel's own links are refused there too. */
	fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r != -ENOSYS)
		CU_ASSERT_EQUAL(foreign_resolve(fd, "/proc/self/exe", &st), -ELOOP);
	close(fd);
	g_unlink(in);
	g_unlink(out);
	g_unlink(up);
	g_unlink(absolute);
	g_unlink(magic);
	g_unlink(near);
	g_rmdir(root);
	g_rmdir(dir);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a lease", test_lease},
		{"what is no file", test_kinds},
		{"a path inside a root", test_resolve},
		CU_TEST_INFO_NULL,
	};

	return suite_run("foreign", tests);
}
