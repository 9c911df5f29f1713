// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <glib.h>

struct table {
	const struct table_column *columns;
	size_t n;
	GPtrArray *cells; /* row by row */
};

struct table *table_new(const struct table_column *columns, size_t n)
{
	struct table *table = g_new0(struct table, 1);

	table->columns = columns;
	table->n = n;
	table->cells = g_ptr_array_new_with_free_func(g_free);
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	g_ptr_array_unref(table->cells);
	g_free(table);
}

static int char_width(gunichar c)
{
	return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

static int text_width(const char *text)
{
	int width = 0;

	for (; *text; text = g_utf8_next_char(text))
		width += char_width(g_utf8_get_char(text));
	return width;
}

/* What a terminal can show of a cell, in at most max columns. */
static char *fit(const char *text, int max)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	GString *out = g_string_new(NULL);
	int width = 0, left = max ? text_width(valid) : 0;

	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		int w = char_width(c);

		if (max && width + w > max - (left > max)) {
			g_string_append_c(out, '~');
			break;
		}
		g_string_append_unichar(out, g_unichar_isprint(c) ? c : '?');
		width += w;
	}
	return g_string_free(out, FALSE);
}

void table_row(struct table *table, const char *const *cells)
{
	for (size_t i = 0; i < table->n; i++)
		g_ptr_array_add(table->cells,
				fit(cells[i] ? cells[i] : "-", table->columns[i].max));
}

static void print_cell(const struct table *table, size_t column, const char *text, int width,
		       FILE *out)
{
	int pad = width - text_width(text);

	if (column)
		fputs("  ", out);
	if (table->columns[column].right)
		fprintf(out, "%*s%s", pad, "", text);
	else if (column + 1 < table->n)
		fprintf(out, "%s%*s", text, pad, "");
	else
		fputs(text, out);
}

void table_print(const struct table *table, FILE *out)
{
	int widths[TABLE_MAX_COLUMNS] = {};
	size_t n = table->n;

	for (size_t i = 0; i < n; i++)
		widths[i] = text_width(table->columns[i].title);
	for (guint i = 0; i < table->cells->len; i++)
		widths[i % n] = MAX(widths[i % n], text_width(table->cells->pdata[i]));
	for (size_t i = 0; i < n; i++)
		print_cell(table, i, table->columns[i].title, widths[i], out);
	fputc('\n', out);
	for (guint i = 0; i < table->cells->len; i++) {
		print_cell(table, i % n, table->cells->pdata[i], widths[i % n], out);
		if (i % n == n - 1)
			fputc('\n', out);
	}
}
