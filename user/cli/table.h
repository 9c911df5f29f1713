/* SPDX-License-Identifier: Apache-2.0 */
/* Plain text tables: columns as wide as their contents, up to a bound; UTF-8 measured as shown. */
#ifndef KVMLENS_CLI_TABLE_H
#define KVMLENS_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_MAX_COLUMNS 12

struct table_column {
	const char *title;
	bool right; /* numbers */
	int max; /* width at most, longer cells end in "~"; 0: no bound */
};

struct table;

/* columns must outlive the table. */
struct table *table_new(const struct table_column *columns, size_t n);
void table_free(struct table *table);

/* Add a row of as many cells as there are columns; NULL is shown as "-". Copied. */
void table_row(struct table *table, const char *const *cells);

void table_print(const struct table *table, FILE *out);

#endif
