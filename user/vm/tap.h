/* SPDX-License-Identifier: Apache-2.0 */
/* The network interfaces that a VMM holds open, by its descriptors: any VMM, no provider needed. */
#ifndef KVMLENS_VM_TAP_H
#define KVMLENS_VM_TAP_H

#include <glib.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "util/bounds.h"

struct tap {
	char name[IFNAMSIZ];
	uint32_t index; /* of a macvtap or ipvtap; 0: a tap, which is known by its name */
};

/* How this host knows its interfaces; all of it borrowed. */
struct tap_host {
	int proc; /* descriptor of /proc, as in vm/proc_fs.h */
	const char *sys; /* NULL: /sys */
	uint64_t netns; /* our own, as tap_netns() */
};

/* The interface's name in the fdinfo of /dev/net/tun ("iff:"), into ret[IFNAMSIZ]. Pure. */
bool tap_parse_fdinfo(const char *text, size_t len, char *ret);

/*
 * The link of sysfs for the character device of a macvtap: ".../net/NAME/macvtap/tapN", N being the
 * interface's index. False: it is another kind of device. Pure.
 */
bool tap_parse_device(const char *link, struct tap *ret_tap);

/* The major number of a driver in the text of /proc/devices; 0: it has none. Pure. */
unsigned tap_parse_major(const char *devices, const char *driver);

/*
 * Append the process's interfaces, each once. They are recognized by their device's number and by
 * what the kernel says of it, never by the path that they were opened by. prove: leave out those
 * that cannot be shown to belong to our network namespace, as an ordinary owner may make an
 * interface of any name in another one. Returns how many are left out beyond TAPS_MAX, or a
 * negative errno.
 */
int tap_scan(const struct tap_host *host, pid_t pid, bool prove, GArray *taps);

/* The inode of the process's network namespace; 0: it cannot be told. pid 0: our own. */
uint64_t tap_netns(int root, pid_t pid);

#endif
