// SPDX-License-Identifier: Apache-2.0
#include "util/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define WANTED (STATX_BASIC_STATS & ~(STATX_ATIME | STATX_MTIME | STATX_CTIME))

int foreign_stat(int at, const char *path, struct foreign_stat *ret_stat)
{
	int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | (*path ? 0 : AT_EMPTY_PATH);
	struct statx st;

	if (statx(at, path, flags, WANTED, &st))
		return -errno;
	if (!(st.stx_mask & STATX_TYPE))
		return -EINVAL;
	*ret_stat = (struct foreign_stat){
		.mode = st.stx_mode,
		.uid = st.stx_uid,
		.dev = makedev(st.stx_dev_major, st.stx_dev_minor),
		.rdev = makedev(st.stx_rdev_major, st.stx_rdev_minor),
		.ino = st.stx_ino,
		.size = st.stx_size,
		.blocks = st.stx_blocks,
	};
	return 0;
}

/* The inode behind an O_PATH descriptor. */
static int reopen(int handle)
{
	int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", handle);
	fd = open(path, flags | O_NOATIME);
	if (fd < 0 && errno == EPERM) /* not our file, and no right to act as its owner */
		fd = open(path, flags);
	if (fd < 0)
		return -errno;
	return fd;
}

int foreign_open(int at, const char *path, struct foreign_stat *ret_stat)
{
	int handle = openat(at, path, O_PATH | O_CLOEXEC), r;
	struct foreign_stat st;

	if (handle < 0)
		return -errno;
	r = foreign_stat(handle, "", &st);
	if (!r && !S_ISREG(st.mode) && !S_ISBLK(st.mode))
		r = -EINVAL;
	if (!r)
		r = reopen(handle);
	close(handle);
	if (r >= 0 && ret_stat)
		*ret_stat = st;
	return r;
}

int foreign_resolve(int root, const char *path, struct foreign_stat *ret_stat)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how)), r;

	if (fd < 0)
		return -errno;
	r = foreign_stat(fd, "", ret_stat);
	if (!r)
		return fd;
	close(fd);
	return r;
}
