/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's RAM map from KVM's memory slots. Pure. */
#ifndef KVMLENS_GUEST_SLOTS_H
#define KVMLENS_GUEST_SLOTS_H

#include <stddef.h>
#include <memslots_types.h>
#include "guest/ram.h"

/*
 * The map of a process's VM, of all slots that were found on the host. Slots that continue each
 * other become one segment; read-only ones are firmware and left out. *ret_private: some of its
 * memory is hidden from its VMM. -ENOENT: the process holds no VM with slots; -EAGAIN: they
 * changed while they were listed; -EINVAL: they overlap; -ENOSPC: too many.
 */
int guest_slots_ram(const struct kvm_slot *slots, size_t n, uint32_t tgid,
		    struct guest_ram *ret_ram, bool *ret_private);

#endif
