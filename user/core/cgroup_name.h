/* SPDX-License-Identifier: Apache-2.0 */
/* From a cgroup's id to its path, through the handle of its directory: no walk of the tree. */
#ifndef KVMLENS_CORE_CGROUP_NAME_H
#define KVMLENS_CORE_CGROUP_NAME_H

#include <stdint.h>

struct cgroup_names;

/*
 * Over the cgroup mounts found in a mountinfo file (NULL: /proc/self/mountinfo): the unified tree
 * and, on a hybrid host, the one of the cpu controller. Never NULL.
 */
struct cgroup_names *cgroup_names_new(const char *mountinfo);
void cgroup_names_free(struct cgroup_names *names);

enum cgroup_tree { CGROUP_UNIFIED, CGROUP_CPU, CGROUP_TREES };

/*
 * The cgroup's path below its mount, "/" for the root; NULL when there is no such cgroup (any
 * more). Remembered; lives until the next call of cgroup_names_expire that drops it.
 */
const char *cgroup_name(struct cgroup_names *names, enum cgroup_tree tree, uint64_t id);

/* Where a tree is mounted, NULL: nowhere. Lives as long as names. */
const char *cgroup_mount(const struct cgroup_names *names, enum cgroup_tree tree);

/* Forget names that were not asked for since the call before: at most one call a tick. */
void cgroup_names_expire(struct cgroup_names *names);

#endif
