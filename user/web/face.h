/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network face: a process of its own, the same program executed anew, that serves ready-made
 * pages to whoever asks and can do nothing else. It reads and writes the descriptors of
 * web/wire.h, has no privileges, and ends when the collector's side does.
 */
#ifndef KVMLENS_WEB_FACE_H
#define KVMLENS_WEB_FACE_H

#include <stdbool.h>

/* The argument, internal and not in any help, that makes this program a face. */
#define WEB_FACE_ARGUMENT "--network-face"

/* Is this the face? main() asks before anything else. */
bool web_face_wanted(int argc, char *const argv[]);

/* Serve until the other side ends. Returns main()'s result. */
int web_face_main(void);

#endif
