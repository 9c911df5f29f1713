// SPDX-License-Identifier: Apache-2.0
/*
 * refuse SYSCALL PROGRAM ARGS...: run a program as on a host that refuses it a system call, with
 * EPERM.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int call = argc > 2 ? seccomp_syscall_resolve_name(argv[1]) : __NR_SCMP_ERROR;

	if (!filter || call == __NR_SCMP_ERROR) {
		fprintf(stderr, "usage: refuse SYSCALL PROGRAM ARGS...\n");
		return 2;
	}
	if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0) || seccomp_load(filter)) {
		fprintf(stderr, "refuse: no filter can be loaded\n");
		return 77;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 1;
}
