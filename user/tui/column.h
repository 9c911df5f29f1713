/* SPDX-License-Identifier: Apache-2.0 */
/* The table's columns: one constant row each. A new column is a new row of columns[]. */
#ifndef KVMLENS_TUI_COLUMN_H
#define KVMLENS_TUI_COLUMN_H

#include "tui/frame.h"
#include "tui/row.h"

struct column {
	const char *title;
	char key; /* sorts by this column */
	int width; /* without the blank before it; of NAME the least */
	int min_terminal; /* shown on terminals of at least this many columns */
	/* One of these two. NAN: the row has no such value. */
	double (*number)(const struct row *row);
	const char *(*text)(const struct row *row); /* NULL: none; aligned left */
	void (*format)(double number, char *buf, size_t size);
	/* Words about the number, aligned left, in the place of format; NULL: format. */
	void (*write)(const struct row *row, char *buf, size_t size);
	double warn, crit; /* number from which it is worth a look, or is bad; 0: never */
	bool per_vcpu; /* in the sum over the vCPUs, not the average, when the row says so */
	const char *help;
};

extern const struct column columns[];
extern const size_t n_columns;

/* By title (case and a leading % do not matter), or NULL. */
const struct column *column_find(const char *title);
const struct column *column_by_key(int key);

/* The column that the table is sorted by when nobody asks for another. */
const struct column *column_default(void);

/* The next column to the right (step 1) or left (-1) that a terminal of this width shows. */
const struct column *column_step(const struct column *column, int step, int terminal);

/* Compare for sorting: <0 when a belongs above b. The greatest number comes first, texts by a-z. */
int column_compare(const struct column *column, bool reverse, const struct row *a,
		   const struct row *b);

/* Is it aligned left? */
bool column_is_text(const struct column *column);

enum tone column_tone(const struct column *column, const struct row *row);

/* The row's value as text, "-" where it is not known, "" where it makes no sense. */
void column_cell(const struct column *column, const struct row *row, char *buf, size_t size);

#endif
