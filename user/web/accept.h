/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several forms of a page a client wants. */
#ifndef KVMLENS_WEB_ACCEPT_H
#define KVMLENS_WEB_ACCEPT_H

#include <stddef.h>

/*
 * The index of the media type that an Accept header (RFC 9110, 12.5.1) likes best, the first of
 * equals. A range with a version matches that version alone. 0 where the header is NULL, makes no
 * sense, or likes none of them. Each type is "type/subtype; version=..."; n is at least 1.
 */
size_t accept_choose(const char *header, const char *const *types, size_t n);

#endif
