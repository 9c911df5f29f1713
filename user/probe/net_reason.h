/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the running kernel's reasons for dropping a packet, from its type information. */
#ifndef KVMLENS_PROBE_NET_REASON_H
#define KVMLENS_PROBE_NET_REASON_H

#include <stdint.h>

struct net_reasons;

/* NULL: this kernel has none. */
struct net_reasons *net_reasons_new(void);
void net_reasons_free(struct net_reasons *reasons);

/* "FULL_RING"; a number that has no name there (another subsystem's) is made one. Lives long. */
const char *net_reason_name(struct net_reasons *reasons, uint32_t reason);

#endif
