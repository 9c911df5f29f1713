// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include "child/child.h"

/* Where descriptors wait that become those of the child: none is overwritten by another. */
#define HIGH_FD 32

/* A process that hangs in the kernel is waited for in steps of 10 ms. */
#define REAP_TRIES 200

#if CHILD_SANITIZED
/* Looking for leaks takes a thread and ptrace, neither of which a child may have. */
#define ENVIRONMENT "ASAN_OPTIONS=detect_leaks=0"
#else
#define ENVIRONMENT NULL
#endif

/* Standard error remains for a sanitizer's sake, too. */
static int plan_descriptors(const struct child_spec *spec, posix_spawn_file_actions_t *actions,
			    const int *fds)
{
	int r = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDWR, 0);

	r = r ?: posix_spawn_file_actions_adddup2(actions, 0, 1);
	if (!spec->keeps_stderr && !CHILD_SANITIZED)
		r = r ?: posix_spawn_file_actions_adddup2(actions, 0, 2);
	for (unsigned i = 0; i < spec->n_fds; i++)
		r = r ?: posix_spawn_file_actions_adddup2(actions, fds[i], CHILD_FD_FIRST + i);
	return r ?: posix_spawn_file_actions_addclosefrom_np(actions, CHILD_FD_FIRST + spec->n_fds);
}

/* Signals as a new program expects them, whatever the thread that starts it blocks. */
static int plan_signals(posix_spawnattr_t *attr)
{
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	r = posix_spawnattr_setsigdefault(attr, &all);
	r = r ?: posix_spawnattr_setsigmask(attr, &none);
	return r ?: posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static int spawn(const struct child_spec *spec, const char *exe, const int *fds, pid_t *ret_pid)
{
	char *const argv[] = {(char *)"kvmlens", (char *)spec->argument, NULL};
	char *const env[] = {(char *)ENVIRONMENT, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	r = plan_descriptors(spec, &actions, fds);
	r = r ?: plan_signals(&attr);
	/* The link leads to the program that runs. */
	r = r ?: posix_spawn(ret_pid, exe ?: "/proc/self/exe", &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int child_start(const struct child_spec *spec, const char *exe, const int *fds, pid_t *ret_pid)
{
	int high[CHILD_FDS_MAX], r = 0;
	unsigned n = 0;

	g_return_val_if_fail(spec->n_fds <= CHILD_FDS_MAX, -EINVAL);
	for (; n < spec->n_fds && !r; n++) {
		high[n] = fcntl(fds[n], F_DUPFD_CLOEXEC, HIGH_FD);
		if (high[n] < 0)
			r = -errno;
	}
	r = r ?: spawn(spec, exe, high, ret_pid);
	while (n--)
		if (high[n] >= 0)
			close(high[n]);
	return r;
}

void child_kill(pid_t pid)
{
	if (pid > 0)
		(void)kill(pid, SIGKILL);
}

bool child_reaped(pid_t pid)
{
	pid_t reaped = waitpid(pid, NULL, WNOHANG);

	return reaped == pid || (reaped < 0 && errno != EINTR);
}

pid_t child_stop(pid_t pid)
{
	if (pid <= 0)
		return 0;
	child_kill(pid);
	for (unsigned i = 0; i < REAP_TRIES; i++) {
		if (child_reaped(pid))
			return 0;
		g_usleep(10000);
	}
	return pid;
}
