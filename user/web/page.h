/* SPDX-License-Identifier: Apache-2.0 */
/* A finished page in memory that nobody can change any more. */
#ifndef KVMLENS_WEB_PAGE_H
#define KVMLENS_WEB_PAGE_H

#include <stddef.h>

/*
 * A memory file with these bytes, sealed against writing, growing and shrinking. Returns a
 * descriptor that the caller owns, or negative errno.
 */
int page_seal(const char *data, size_t len);

#endif
