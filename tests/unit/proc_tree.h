/* SPDX-License-Identifier: Apache-2.0 */
/* Builds a /proc tree in a temporary directory for the tests of what reads one. */
#ifndef KVMLENS_TESTS_PROC_TREE_H
#define KVMLENS_TESTS_PROC_TREE_H

#include <sys/types.h>

struct tree_process {
	pid_t pid, ppid;
	const char *comm;
	char state; /* 0: S */
	unsigned flags;
	unsigned long long start; /* clock ticks */
	unsigned threads; /* as stat counts them; 0: 1 */
	const char *exe; /* NULL: none */
	const char *const *argv; /* NULL-terminated, or NULL */
	unsigned uid;
};

char *proc_tree_new(void);
void proc_tree_free(char *root);

/* Add or replace a process; it has its main thread alone. */
void proc_tree_add(const char *root, const struct tree_process *process);
void proc_tree_remove(const char *root, pid_t pid);
void proc_tree_thread(const char *root, pid_t pid, pid_t tid, const char *comm);
void proc_tree_end_thread(const char *root, pid_t pid, pid_t tid);
void proc_tree_fd(const char *root, pid_t pid, int fd, const char *target);

/* Make reading the command line hang, as that of a wedged process does. */
void proc_tree_wedge(const char *root, pid_t pid);
/* Let go of those who read it now; they get argv. */
void proc_tree_unwedge(const char *root, pid_t pid, const char *const *argv);

#endif
