/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network interfaces of this process's network namespace with their counters, by rtnetlink,
 * and those of another's by its /proc/PID/net/dev. Directions are the interface's own here.
 */
#ifndef KVMLENS_VM_LINK_H
#define KVMLENS_VM_LINK_H

#include <glib.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define LINKS_MAX 65536

struct link {
	char name[IFNAMSIZ];
	char kind[16]; /* "tun", "macvtap", ...; "": a device, or unknown */
	uint32_t index; /* 0: unknown */
	bool counted; /* has counters */
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

/* A name that an interface may have; the kernel forbids no other bytes. */
bool link_name_valid(const char *name);

/* One RTM_NEWLINK message with its header. -EINVAL: it is none, or has no name. Pure. */
int link_parse(const void *message, size_t len, struct link *ret_link);

/* Lines of /proc/PID/net/dev, appended; lines that do not read so are skipped. Pure. */
void link_parse_proc(const char *text, size_t len, GArray *links);

/*
 * Append all interfaces by one dump, struct link. Waits for the kernel's network lock; -errno.
 * At most LINKS_MAX: -E2BIG then.
 */
int link_dump(GArray *links);

#endif
