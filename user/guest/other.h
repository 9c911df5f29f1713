/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest is in which no kernel was found that can be read: said to people, no more. */
#ifndef KVMLENS_GUEST_OTHER_H
#define KVMLENS_GUEST_OTHER_H

#include "guest/kernel.h"

/*
 * GUEST_ENCRYPTED: all of its memory looks like noise; GUEST_PLAIN_LINUX: a Linux banner is in
 * it; GUEST_WINDOWS: drivers of Windows are; GUEST_NO_BTF: none of these; GUEST_BUSY, GUEST_IO.
 */
enum guest_status guest_other(struct guest_mem *mem);

#endif
