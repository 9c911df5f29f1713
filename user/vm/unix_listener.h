/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who listens on a Unix socket, asked of the kernel before anything connects to it. To connect is
 * to act: a monitor or an agent's port serves one client at a time, and its path may lead to
 * something that root alone can reach.
 */
#ifndef KVMLENS_VM_UNIX_LISTENER_H
#define KVMLENS_VM_UNIX_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "util/foreign.h"

/* A listening socket, by the file that it is bound to. */
struct unix_listener {
	uint32_t socket; /* its inode, as "socket:[N]" in /proc/PID/fd */
	uint32_t file_ino, file_dev; /* of the file; the kernel gives 32 bits of each */
};

/* One message of a sock_diag dump. -EINVAL: it is none, or the socket has no file. Pure. */
int unix_listener_parse(const void *message, size_t len, struct unix_listener *ret_listener);

/*
 * Does the process listen on the socket with this file? True is a proof: sock_diag names the socket
 * that is bound to the file, and the process holds it. -EOPNOTSUPP: this kernel has no unix_diag;
 * 0: no such socket in our network namespace, or it is another process's. proc: as in vm/proc_fs.h.
 */
int unix_listener_is(int proc, pid_t pid, const struct foreign_stat *file);

/*
 * The socket that listens by this path, in the text of /proc/PID/net/unix; 0: none. The path is the
 * binder's own word, so this is weaker than a proof. Pure.
 */
uint32_t unix_listener_by_path(const char *text, size_t len, const char *path);

/* The same of a process in another network namespace: does it hold such a socket? */
bool unix_listener_claims(int proc, pid_t pid, const char *path);

/* Does the process hold the socket with this inode? */
bool unix_listener_held(int proc, pid_t pid, uint32_t socket);

#endif
