/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The label sets of a VM's parts, made once and handed to every snapshot: rendering them anew for
 * each of 8,000 vCPUs would cost more than all the rest of a tick. Belongs to the tick's thread.
 */
#ifndef KVMLENS_CORE_VMLABELS_H
#define KVMLENS_CORE_VMLABELS_H

#include "vm/inventory.h"

struct vmlabels;

struct vmlabels *vmlabels_new(const struct kvmlens_tag *tags, size_t n_tags);
void vmlabels_free(struct vmlabels *labels);

/* Begin a tick; what is not asked for until the next begin is forgotten then. */
void vmlabels_begin(struct vmlabels *labels);

/* How many of a VM are kept, but for those of its vCPUs. */
unsigned vmlabels_count(const struct vmlabels *labels, const struct vm_ident *ident);

/* Each returns a reference that the caller owns. */
struct labels *vmlabels_vcpu(struct vmlabels *labels, const struct vm_ident *ident, uint32_t vcpu);

/* One more label: key is "role", "source", "reason", ... */
struct labels *vmlabels_part(struct vmlabels *labels, const struct vm_ident *ident, const char *key,
			     const char *value);

/* Two more. */
struct labels *vmlabels_two(struct vmlabels *labels, const struct vm_ident *ident, const char *key,
			    const char *value, const char *key2, const char *value2);

/* Of vm_info: identity, what discovery knows, and the configured tags. */
struct labels *vmlabels_info(struct vmlabels *labels, const struct inventory_vm *vm);

#endif
