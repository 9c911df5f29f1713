/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agents of libvirt's domains. A command makes libvirt mark the domain as tainted, and needs a
 * connection that may write: one of its own, opened only when there is something to ask.
 */
#ifndef KVMLENS_GUEST_GA_LIBVIRT_H
#define KVMLENS_GUEST_GA_LIBVIRT_H

#include "guest/ga_link.h"

struct ga_libvirt;

/* uri NULL: qemu:///system. Nothing is opened yet. */
struct ga_libvirt *ga_libvirt_new(const char *uri);

/* One that hangs keeps what it needs. */
void ga_libvirt_unref(struct ga_libvirt *libvirt);
struct ga_libvirt *ga_libvirt_ref(struct ga_libvirt *libvirt);

/* A call on the connection hangs: let others have a new one. */
void ga_libvirt_forsake(struct ga_libvirt *libvirt);

/* open() takes a struct ga_libvirt, which must outlive what it opens. */
extern const struct ga_link_ops ga_libvirt_ops;

#endif
