/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVMLENS_WEB_FACE_CHILD_H
#define KVMLENS_WEB_FACE_CHILD_H

#include "child/child.h"

/* The face: what serving over HTTP takes. Its descriptors are enum WIRE_FD_* of web/wire.h. */
extern const struct child_spec face_child;

#endif
