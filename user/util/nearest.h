/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the candidate nearest to a misspelt word. */
#ifndef KVMLENS_UTIL_NEAREST_H
#define KVMLENS_UTIL_NEAREST_H

#include <stddef.h>

/* Words longer than this are near to nothing. */
#define NEAREST_WORD_MAX 128

/*
 * Insertions, deletions, replacements and swaps of neighbours that lead from a to b. Returns
 * limit + 1 where it would be more than limit, or where a word is too long.
 */
unsigned edit_distance(const char *a, const char *b, unsigned limit);

/* Feed candidates with nearest_offer; best is NULL while none is near enough. */
struct nearest {
	const char *word; /* borrowed */
	const char *best; /* borrowed from the candidates */
	unsigned limit; /* edits that the next best may need */
};

/* A third of the word's letters may be wrong, and two in a short one. */
void nearest_init(struct nearest *nearest, const char *word);
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
