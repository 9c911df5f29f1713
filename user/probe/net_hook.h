/* SPDX-License-Identifier: Apache-2.0 */
/* Hooking a program to the packets of one interface: TCX (kernel 6.6), else clsact. */
#ifndef KVMLENS_PROBE_NET_HOOK_H
#define KVMLENS_PROBE_NET_HOOK_H

#include <stdbool.h>
#include <stdint.h>

struct net_hook {
	int link[2]; /* TCX: ingress and egress, else -1 */
	bool clsact;
};

/* Does this kernel have TCX? Nothing is attached. */
bool net_hook_has_tcx(int prog_fd);

/*
 * Hook both directions. Links end with their descriptors; a clsact filter stays until it is
 * removed. *ret_made: the queueing discipline was made for it. Negative errno.
 */
int net_hook_tcx(uint32_t ifindex, int ingress_fd, int egress_fd, struct net_hook *ret_hook);
int net_hook_clsact(uint32_t ifindex, int ingress_fd, int egress_fd, struct net_hook *ret_hook,
		    bool *ret_made);

/* made: remove the queueing discipline too, unless others use it. */
void net_unhook(uint32_t ifindex, struct net_hook *hook, bool made);

/* Filters of anybody's in an interface's clsact; not 0 where it cannot be told. */
unsigned net_hook_filters(uint32_t ifindex);

/* Remove our clsact filters from an interface, if it has them. */
void net_hook_clean(uint32_t ifindex, bool made);

#endif
