/* SPDX-License-Identifier: Apache-2.0 */
/* What the libvirt provider's open() takes as its argument. */
#ifndef KVMLENS_VM_PROVIDER_LIBVIRT_H
#define KVMLENS_VM_PROVIDER_LIBVIRT_H

/* Only domains that run; NULL: those that are defined and off, too. */
extern void *const libvirt_active_only;

#endif
