// SPDX-License-Identifier: Apache-2.0
/* blast CPU: load CPU 0 with softirqs by packets sent from another CPU, until it is ended. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "bpf/blaster.h"

int main(int argc, char **argv)
{
	sigset_t ends;
	pid_t pid;
	int sig;

	if (argc != 2)
		return 2;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	pid = blaster_start(atoi(argv[1]));
	if (pid < 0) {
		fprintf(stderr, "blast: no packet steering here\n");
		return 77;
	}
	sigwait(&ends, &sig);
	blaster_end(pid);
	return 0;
}
