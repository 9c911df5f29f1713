/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's typed parameters as statistics of a VM. Pure, but for libvirt_stats_settle(). */
#ifndef KVMLENS_VM_LIBVIRT_STATS_H
#define KVMLENS_VM_LIBVIRT_STATS_H

#include <libvirt/libvirt.h>
#include "vm/libvirt_xml.h"

/* enum virDomainState as libvirt gives it. */
enum kvmlens_vm_state libvirt_state(int state);

/*
 * Fill stats, freshly initialised, from the parameters of one domain's record. What is not there,
 * or negative, stays absent. meta (may be NULL) adds aliases and MAC addresses.
 */
void libvirt_stats_fill(const virTypedParameter *params, size_t n, const struct libvirt_meta *meta,
			struct kvmlens_vm_stats *stats);

/*
 * libvirt gives the length of a file in place of its blocks while it has none, so that an empty
 * sparse image looks like a full one. Ask the file system about images that look full. root: where
 * the host's files are, "" is /; NULL: elsewhere, and such an allocation is absent. May hang.
 */
void libvirt_stats_settle(const char *root, struct kvmlens_vm_stats *stats);

/* A parameter as a number, by its full name; false: not there, negative or no number. */
bool libvirt_param_u64(const virTypedParameter *params, size_t n, const char *name,
		       uint64_t *ret_value);

#endif
