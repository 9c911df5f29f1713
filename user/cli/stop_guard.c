// SPDX-License-Identifier: Apache-2.0
#include "cli/stop_guard.h"

#include <cap-ng.h>
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* In a signal handler: no lock, and no write that could wait. */
static void end(int signal)
{
	static const char line[] = "kvmlens: agent: did not stop in time; ended\n";
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (poll(&fd, 1, 0) == 1 && fd.revents == POLLOUT &&
	    write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
		_exit(STOP_GUARD_STATUS);
	_exit(STOP_GUARD_STATUS);
}

void stop_guard_arm(void)
{
	const struct sigaction action = {.sa_handler = end};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigaction(SIGALRM, &action, NULL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	alarm(STOP_GUARD_S); /* takes neither a descriptor nor memory */
}

static gpointer watch(gpointer arg)
{
	struct pollfd fd = {.fd = GPOINTER_TO_INT(arg), .events = POLLIN};

	/* Rights belong to a thread, and this one needs none. */
	capng_clear(CAPNG_SELECT_BOTH);
	(void)capng_apply(CAPNG_SELECT_BOTH);
	while (poll(&fd, 1, -1) < 0 && errno == EINTR)
		;
	stop_guard_arm();
	/* The thread remains: it is the one that surely takes SIGALRM. */
	for (;;)
		pause();
	return NULL;
}

int stop_guard_start(void)
{
	GThread *thread;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	thread = g_thread_try_new("stop-guard", watch, GINT_TO_POINTER(fd), NULL);
	if (!thread) {
		close(fd);
		return -EAGAIN;
	}
	g_thread_unref(thread);
	return 0;
}
