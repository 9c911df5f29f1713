// SPDX-License-Identifier: Apache-2.0
/* Connecting to the agent's socket of a process: real processes with real sockets. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest/ga_connect.h"
#include "guest/ga_link.h"
#include "unit/suite.h"
#include "vm/unix_listener.h"

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1))
		_exit(2);
	chmod(path, 0777);
	return fd;
}

/*
 * A program whose command line names an agent's socket, as QEMU's does: cat waits for its input.
 * It inherits the socket that listens at bound (NULL: none), in namespaces as flags of unshare().
 */
static pid_t start(const char *named, const char *bound, uid_t uid, int namespaces)
{
	g_autofree char *chardev =
		g_strdup_printf("socket,id=ga,path=%s,server=on,wait=off", named);
	int hold[2], ready[2];
	char byte;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(hold), 0);
	CU_ASSERT_EQUAL_FATAL(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		if (namespaces && unshare(namespaces))
			_exit(3);
		if (bound)
			fcntl(listen_at(bound), F_SETFD, 0);
		if (uid && (setgid(uid) || setuid(uid)))
			_exit(4);
		dup2(hold[0], 0);
		close(hold[1]);
		execlp("cat", "cat", "--", "-", "-chardev", chardev, "-device",
		       "virtserialport,chardev=ga,name=org.qemu.guest_agent.0", NULL);
		_exit(5);
	}
	close(ready[1]);
	/* Closed by the exec. */
	CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	close(hold[0]);
	/* hold[1] remains open until the test ends: cat goes on waiting. */
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int try_connect(pid_t pid, char *why)
{
	int fd = ga_connect(pid, why);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

/* Has anybody knocked? To connect at all would already have taken the place of a client. */
static bool knocked(int listener)
{
	struct pollfd poll_one = {.fd = listener, .events = POLLIN};

	return poll(&poll_one, 1, 0) == 1;
}

struct place {
	char *dir, *own, *victim, *link;
	int listener; /* of this process, at victim */
};

static bool place_init(struct place *p)
{
	p->dir = g_dir_make_tmp("kvmlens-ga-XXXXXX", NULL);
	chmod(p->dir, 0777);
	p->own = g_build_filename(p->dir, "own.sock", NULL);
	p->victim = g_build_filename(p->dir, "victim.sock", NULL);
	p->link = g_build_filename(p->dir, "link.sock", NULL);
	p->listener = listen_at(p->victim);
	if (geteuid()) {
		printf(" (needs root: skipped) ");
		return false;
	}
	return true;
}

static void place_free(struct place *p)
{
	close(p->listener);
	g_unlink(p->own);
	g_unlink(p->victim);
	g_unlink(p->link);
	g_rmdir(p->dir);
	g_free(p->dir);
	g_free(p->own);
	g_free(p->victim);
	g_free(p->link);
}

static void test_own_socket(void)
{
	char why[GA_WHY_LEN] = "";
	struct place p;

	if (place_init(&p)) {
		for (unsigned i = 0; i < 3; i++) {
			/* Root's, a user's, and one in a network namespace of its own. */
			pid_t pid =
				start(p.own, p.own, i == 1 ? 12345 : 0, i == 2 ? CLONE_NEWNET : 0);

			CU_ASSERT_EQUAL(try_connect(pid, why), 0);
			end(pid);
			g_unlink(p.own);
		}
	}
	place_free(&p);
}

/* The kernel's name for the socket, against what /proc shows of the one that holds it. */
static void test_proof(void)
{
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct foreign_stat st;
	struct place p;
	pid_t other;

	if (place_init(&p)) {
		other = start(p.own, NULL, 0, 0);
		CU_ASSERT_EQUAL(foreign_stat(AT_FDCWD, p.victim, &st), 0);
		CU_ASSERT_EQUAL(unix_listener_is(proc, getpid(), &st), 1);
		CU_ASSERT_EQUAL(unix_listener_is(proc, other, &st), 0);
		CU_ASSERT_TRUE(unix_listener_claims(proc, getpid(), p.victim));
		CU_ASSERT_FALSE(unix_listener_claims(proc, other, p.victim));
		CU_ASSERT_FALSE(unix_listener_claims(proc, getpid(), p.own));
		end(other);
	}
	place_free(&p);
	close(proc);
}

/* Another's socket: by its name, by a link, and behind a link in the place of its own socket. */
static void test_victim(void)
{
	char why[GA_WHY_LEN] = "";
	struct place p;

	if (place_init(&p)) {
		static const uid_t uids[] = {0, 12345};

		CU_ASSERT_EQUAL(symlink(p.victim, p.link), 0);
		for (size_t i = 0; i < G_N_ELEMENTS(uids); i++) {
			pid_t pid = start(p.victim, NULL, uids[i], 0);

			CU_ASSERT_EQUAL(try_connect(pid, why), -EXDEV);
			end(pid);
			pid = start(p.link, NULL, uids[i], 0);
			CU_ASSERT_EQUAL(try_connect(pid, why), -EXDEV);
			end(pid);
			pid = start(p.own, p.own, uids[i], 0);
			g_unlink(p.own);
			CU_ASSERT_EQUAL(symlink(p.victim, p.own), 0);
			CU_ASSERT_EQUAL(try_connect(pid, why), -EXDEV);
			CU_ASSERT_STRING_EQUAL(why, "QEMU does not listen on its agent's socket");
			end(pid);
			g_unlink(p.own);
		}
		CU_ASSERT_FALSE(knocked(p.listener));
	}
	place_free(&p);
}

/* In another network namespace nothing is proven: never as root to what only root can reach. */
static void test_elsewhere(void)
{
	char why[GA_WHY_LEN] = "";
	struct place p;
	pid_t pid;

	if (place_init(&p)) {
		chmod(p.victim, 0700);
		pid = start(p.victim, NULL, 12345, CLONE_NEWNET);
		CU_ASSERT_EQUAL(try_connect(pid, why), -EACCES);
		end(pid);
		pid = start(p.victim, NULL, 0, CLONE_NEWNET);
		CU_ASSERT_EQUAL(try_connect(pid, why), -EXDEV);
		end(pid);
		CU_ASSERT_FALSE(knocked(p.listener));
	}
	place_free(&p);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"the process's own socket", test_own_socket},
		{"who listens", test_proof},
		{"another's socket", test_victim},
		{"another network namespace", test_elsewhere},
		CU_TEST_INFO_NULL,
	};

	return suite_run("ga_connect", tests);
}
