/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's state of the whole process: its event loop and its error printer. */
#ifndef KVMLENS_VM_LIBVIRT_EVENT_H
#define KVMLENS_VM_LIBVIRT_EVENT_H

/*
 * Initialise libvirt and run its event loop on a thread of its own, once per process, for as long
 * as it lives: libvirt knows no end of either. The loop is GLib's default main context, which
 * nobody else may iterate. -EIO: libvirt does not initialise.
 */
int libvirt_event_start(void);

#endif
