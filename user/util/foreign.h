/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that somebody else owns, opened as hostile. A plain open() of such a file can be made to
 * wait for as long as its owner likes: a lease on it, a FIFO without a writer, a terminal. Or the
 * path is a link to something that root alone may reach. So a path is resolved without opening
 * anything (O_PATH), what it leads to is checked, and that very inode is opened without waiting.
 */
#ifndef KVMLENS_UTIL_FOREIGN_H
#define KVMLENS_UTIL_FOREIGN_H

#include <sys/stat.h>

/* What a path leads to, as far as it is known without asking a file system that may not answer. */
struct foreign_stat {
	unsigned mode; /* type and permissions */
	unsigned uid;
	dev_t dev, rdev;
	unsigned long long ino, size, blocks; /* blocks of 512 bytes */
};

/* Of a link of /proc/PID/fd or /proc/PID/exe, which is followed, relative to at. Negative errno. */
int foreign_stat(int at, const char *path, struct foreign_stat *ret_stat);

/*
 * A descriptor for reading, O_CLOEXEC, of a regular file or block device behind a link of
 * /proc/PID/fd. -EINVAL: it is something else; -EWOULDBLOCK: somebody holds a lease on it; else
 * as open(). The access time of the file stays as it was, where the kernel permits that.
 */
int foreign_open(int at, const char *path, struct foreign_stat *ret_stat);

/*
 * An O_PATH descriptor of a path of another process, resolved inside the directory root (a
 * descriptor of its /proc/PID/root or /proc/PID/cwd): no link and no .. leads out of it, and none
 * of the kernel's own links is followed. Opens nothing. -ENOSYS: before Linux 5.6.
 */
int foreign_resolve(int root, const char *path, struct foreign_stat *ret_stat);

#endif
