// SPDX-License-Identifier: Apache-2.0
/*
 * reap COMMAND...: run it, and reap at once whatever orphans it leaves. libvirtd's QEMUs are
 * orphans on purpose; where PID 1 is slow to reap them, libvirtd waits for it at each destroy.
 * SIGTERM and SIGINT are passed on to the command. Ends when every child has ended.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t command;

static void pass_on(int sig)
{
	if (command > 0)
		kill(command, sig);
}

static int exit_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = pass_on};
	int code = 0;

	if (argc < 2)
		return fprintf(stderr, "usage: reap COMMAND...\n"), 2;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		return fprintf(stderr, "reap: %s\n", strerror(errno)), 1;
	command = fork();
	if (command == 0) {
		execvp(argv[1], argv + 1);
		fprintf(stderr, "reap: %s: %s\n", argv[1], strerror(errno));
		_exit(127);
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	for (;;) {
		int status;
		pid_t pid = wait(&status);

		if (pid == command)
			code = exit_code(status);
		else if (pid < 0 && errno == ECHILD)
			return code;
	}
}
