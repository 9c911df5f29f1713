// SPDX-License-Identifier: Apache-2.0
/* Each kind of confined child: what the kernel says of it, what it cannot do, and slow messages. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "alert/sender_child.h"
#include "child/child.h"
#include "guest/worker_child.h"
#include "unit/suite.h"
#include "web/face_child.h"

static const struct child_spec *const specs[] = {&face_child, &sender_child, &guest_worker_child};

/* In a process of its own; how that ended, as waitpid() has it. */
static int run_confined(const struct child_spec *spec, void (*attempt)(int fd), int fd)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		const char *step;
		unsigned done;

		if (child_confine(spec, 0, 0, 64, &done, &step) < 0)
			_exit(99);
		attempt(fd);
		_exit(0);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	return status;
}

static char *field(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? g_strstrip(g_strndup(at + strlen(name), strcspn(at + strlen(name), "\n")))
		  : g_strdup("(none)");
}

static void check_field(const char *status, const char *name, const char *value)
{
	g_autofree char *got = field(status, name);

	CU_ASSERT_STRING_EQUAL(got, value);
}

/* What the kernel itself says of a child that waits. */
static void check_status(const struct child_spec *spec)
{
	static const char none[] = "0000000000000000";
	int ready[2], go[2];
	pid_t pid;
	char byte = 0;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, go), 0);
	pid = fork();
	if (pid == 0) {
		const char *step;
		unsigned done;

		dup2(go[1], GUEST_WORKER_SOCKET_FD); /* which a guest's worker may read */
		if (child_confine(spec, 0, 0, 64, &done, &step) < 0)
			_exit(99);
		child_write(GUEST_WORKER_SOCKET_FD, &byte, 1, 0);
		child_read(GUEST_WORKER_SOCKET_FD, &byte, 1, 0);
		_exit(0);
	}
	close(go[1]);
	CU_ASSERT_EQUAL(child_read(go[0], &byte, 1, 5000), 0);
	{
		g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
		g_autofree char *root = g_strdup_printf("/proc/%d/root", (int)pid);
		g_autofree char *user = g_strdup_printf("%u\t%u\t%u\t%u", spec->user, spec->user,
							spec->user, spec->user);
		g_autofree char *status = NULL;
		g_autoptr(GDir) dir = NULL;

		CU_ASSERT_TRUE(g_file_get_contents(path, &status, NULL, NULL));
		check_field(status, "\nCapInh:", none);
		check_field(status, "\nCapPrm:", none);
		check_field(status, "\nCapEff:", none);
		check_field(status, "\nCapBnd:", none);
		check_field(status, "\nCapAmb:", none);
		check_field(status, "\nNoNewPrivs:", "1");
		check_field(status, "\nSeccomp:", "2");
		check_field(status, "\nSigBlk:", none);
		check_field(status, "\nGroups:", "");
		check_field(status, "\nUid:", user);
		check_field(status, "\nGid:", user);
		check_field(status, "\nUmask:", "0077");
		dir = spec->needs_files ? NULL : g_dir_open(root, 0, NULL);
		CU_ASSERT_TRUE(spec->needs_files || (dir && !g_dir_read_name(dir)));
	}
	child_write(go[0], &byte, 1, 0);
	CU_ASSERT_EQUAL(child_stop(pid), 0);
	close(go[0]);
	close(ready[0]);
	close(ready[1]);
}

static void test_status(void)
{
	if (CHILD_SANITIZED || geteuid() != 0) {
		CU_PASS("not root, or a sanitizer's build, which has no filter");
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(specs); i++)
		check_status(specs[i]);
}

/* Whatever succeeds ends the process with 1. */
static void try_execute(int fd)
{
	char *const argv[] = {(char *)"true", NULL};

	execve("/bin/true", argv, NULL);
	_exit(1);
}

static void try_fork(int fd)
{
	_exit(fork() >= 0);
}

static void try_write_file(int fd)
{
	_exit(open("/tmp/kvmlens-child", O_WRONLY | O_CREAT, 0600) >= 0);
}

static void try_packet(int fd)
{
	_exit(socket(AF_PACKET, SOCK_RAW, 0) >= 0);
}

static void try_executable_memory(int fd)
{
	_exit(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0) != MAP_FAILED);
}

static void try_make_executable(int fd)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	_exit(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0);
}

static void try_kill_parent(int fd)
{
	_exit(kill(getppid(), 0) == 0);
}

static void try_root_back(int fd)
{
	_exit(setuid(0) == 0);
}

static void try_chmod(int fd)
{
	_exit(fchmod(fd, 0777) == 0);
}

/* The end by SIGSYS, or a call that failed: never one that succeeded. */
static void test_attempts(void)
{
	static void (*const attempts[])(int) = {
		try_execute,
		try_fork,
		try_write_file,
		try_packet,
		try_chmod,
		try_make_executable,
		try_executable_memory,
		try_kill_parent,
		try_root_back,
	};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (CHILD_SANITIZED) {
		CU_PASS("a sanitizer's build has no filter");
		close(fd);
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(specs); i++) {
		for (size_t k = 0; k < G_N_ELEMENTS(attempts); k++) {
			int status = run_confined(specs[i], attempts[k], fd);
			bool failed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
			bool ended = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;

			if (!failed && !ended)
				printf("%s, attempt %zu: status %x\n", specs[i]->name, k, status);
			CU_ASSERT_TRUE(failed || ended);
		}
	}
	close(fd);
}

/* A side that sends a byte now and then does not stretch the deadline. */
static void test_trickle(void)
{
	gint64 begun = g_get_monotonic_time(), took;
	char buf[64];
	int socks[2];
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	pid = fork();
	if (pid == 0) {
		for (;;) {
			if (send(socks[1], "x", 1, MSG_NOSIGNAL) < 0)
				_exit(0);
			g_usleep(50000);
		}
	}
	close(socks[1]);
	CU_ASSERT_EQUAL(child_read(socks[0], buf, sizeof(buf), 300), -ETIMEDOUT);
	took = g_get_monotonic_time() - begun;
	CU_ASSERT_TRUE(took >= 300000 && took < 64 * 50000);
	CU_ASSERT_EQUAL(child_stop(pid), 0);
	/* It sends no more: first what it had sent, then the end. */
	while (recv(socks[0], buf, sizeof(buf), 0) > 0)
		;
	CU_ASSERT_EQUAL(child_read(socks[0], buf, 1, 300), -EPIPE);
	close(socks[0]);
}

/* Nor does one that reads nothing. */
static void test_full(void)
{
	static char big[4 << 20];
	int socks[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	CU_ASSERT_EQUAL(child_write(socks[0], big, sizeof(big), 200), -ETIMEDOUT);
	close(socks[1]);
	CU_ASSERT_EQUAL(child_write(socks[0], big, sizeof(big), 200), -EPIPE);
	close(socks[0]);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"what the kernel says of it", test_status},
		{"what it cannot do", test_attempts},
		{"a side that trickles", test_trickle},
		{"a side that does not read", test_full},
		CU_TEST_INFO_NULL,
	};

	return suite_run("child", tests);
}
