// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <glib.h>
#include "util/nearest.h"

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	return MIN(MIN(a, b), c);
}

/* Optimal string alignment over three rows of the usual matrix. */
unsigned edit_distance(const char *a, const char *b, unsigned limit)
{
	unsigned rows[3][NEAREST_WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];
	size_t n_a = strnlen(a, NEAREST_WORD_MAX + 1), n_b = strnlen(b, NEAREST_WORD_MAX + 1);

	if (n_a > NEAREST_WORD_MAX || n_b > NEAREST_WORD_MAX)
		return limit + 1;
	for (size_t j = 0; j <= n_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		unsigned *spare = before;

		before = last;
		last = row;
		row = spare;
		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			unsigned change = last[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = min3(last[j] + 1, row[j - 1] + 1, change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
	}
	return MIN(row[n_b], limit + 1);
}

void nearest_init(struct nearest *nearest, const char *word)
{
	*nearest = (struct nearest){
		.word = word,
		.limit = MAX(strnlen(word, NEAREST_WORD_MAX) / 3, 2),
	};
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	unsigned edits = edit_distance(nearest->word, candidate, nearest->limit);

	/* Everything is near to a word of two letters: most of a candidate must be right. */
	if (edits > nearest->limit || edits >= strlen(candidate))
		return;
	if (nearest->best && edits == nearest->limit)
		return;
	nearest->best = candidate;
	nearest->limit = edits;
}
