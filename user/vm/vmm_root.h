/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as a VMM sees them: paths of its command line, resolved within its own root, so that
 * neither a mount namespace nor a symbolic link leads elsewhere. All of it may hang on a file
 * system that does; none is for the tick.
 */
#ifndef KVMLENS_VM_VMM_ROOT_H
#define KVMLENS_VM_VMM_ROOT_H

#include <stddef.h>
#include <sys/types.h>
#include "util/foreign.h"

/*
 * What path is for process pid, proc being the root of a /proc tree as a descriptor. A relative
 * path belongs to the directory that the process is in now. Opens nothing. Negative errno.
 */
int vmm_root_stat(int proc, pid_t pid, const char *path, struct foreign_stat *ret_stat);

/*
 * The contents of a regular file of at most max bytes, NUL-terminated, to be freed. NULL: it is
 * something else, longer, or cannot be read at once.
 */
char *vmm_root_read(int proc, pid_t pid, const char *path, size_t max, size_t *ret_len);

#endif
