/* SPDX-License-Identifier: Apache-2.0 */
/* Text that people read: foreign words shown safely, misspelt ones recognised, globs. */
#ifndef KVMLENS_UTIL_TEXT_H
#define KVMLENS_UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A foreign string for a message: in double quotes, control characters and bytes that are no
 * UTF-8 escaped, cut after about 64 characters. Freed by the caller.
 */
char *text_quote(const char *foreign);

/* A path for a message: the same without quotes, and whole. Freed by the caller. */
char *text_path(const char *path);

/*
 * The name nearest to a misspelt word, NULL when none is near: at most a third of the word's
 * letters wrong, a swap of two neighbours being one mistake; or the only name it begins.
 */
const char *text_nearest(const char *word, const char *const *names, size_t n);

/* Does name match the glob, which knows * and ? (one byte)? At most length squared steps. */
bool text_glob(const char *glob, const char *name);

#endif
