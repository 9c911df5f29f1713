/* SPDX-License-Identifier: Apache-2.0 */
/* The network interfaces that a VMM holds open, by its descriptors: any VMM, no provider needed. */
#ifndef KVMLENS_VM_TAP_H
#define KVMLENS_VM_TAP_H

#include <glib.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TAPS_MAX 64 /* of one VM */

struct tap {
	char name[IFNAMSIZ]; /* of a tap; "" for a macvtap, which is known by its index */
	uint32_t index; /* 0: a tap */
};

/* The interface's name in the fdinfo of /dev/net/tun ("iff:"), into ret[IFNAMSIZ]. Pure. */
bool tap_parse_fdinfo(const char *text, size_t len, char *ret);

/* /dev/tapN is the macvtap with index N; 0: it is none. Pure. */
uint32_t tap_parse_target(const char *target, size_t len);

/* Append the process's interfaces, each once. root as in vm/proc_fs.h. Negative errno. */
int tap_scan(int root, pid_t pid, GArray *taps);

/* The inode of the process's network namespace; 0: it cannot be told. pid 0: our own. */
uint64_t tap_netns(int root, pid_t pid);

#endif
