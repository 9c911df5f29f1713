// SPDX-License-Identifier: Apache-2.0
/* What differs between two configurations, member by member as the table describes them. */
#include <string.h>
#include "config/config.h"
#include "config/option.h"

static bool same_struct(const struct config_option *table, const char *a, const char *b);

static bool same_tags(const struct kvmlens_tag *a, const struct kvmlens_tag *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(a[i].key, b[i].key) || strcmp(a[i].value, b[i].value))
			return false;
	return true;
}

static bool same_strings(char *const *a, char *const *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(a[i], b[i]))
			return false;
	return true;
}

static bool same_array(const struct config_option *option, const char *a, const char *b)
{
	size_t n = *(const size_t *)(a + option->count_offset);
	const char *x = *(char *const *)(a + option->offset);
	const char *y = *(char *const *)(b + option->offset);

	if (n != *(const size_t *)(b + option->count_offset))
		return false;
	if (option->kind == OPTION_TAGS)
		return same_tags((const void *)x, (const void *)y, n);
	if (option->kind == OPTION_STRINGS)
		return same_strings((const void *)x, (const void *)y, n);
	for (size_t i = 0; i < n; i++)
		if (!same_struct(option->fields, x + i * option->item_size,
				 y + i * option->item_size))
			return false;
	return true;
}

static bool same_member(const struct config_option *option, const char *a, const char *b)
{
	const char *x = a + option->offset, *y = b + option->offset;

	switch (option->kind) {
	case OPTION_STRING:
		return g_strcmp0(*(char *const *)x, *(char *const *)y) == 0;
	case OPTION_STRINGS:
	case OPTION_TAGS:
	case OPTION_LIST:
		return same_array(option, a, b);
	case OPTION_SECTION:
		return same_struct(option->fields, x, y);
	default:
		return memcmp(x, y, option->size) == 0;
	}
}

static bool same_struct(const struct config_option *table, const char *a, const char *b)
{
	for (; table->kind != OPTION_END; table++)
		if (!same_member(table, a, b))
			return false;
	return true;
}

bool option_same(const struct config_option *table, const void *a, const void *b)
{
	return same_struct(table, a, b);
}

void config_diff(const struct config *a, const struct config *b, GString *names)
{
	for (const struct config_option *o = config_options; o->kind != OPTION_END; o++)
		if (!same_member(o, (const char *)a, (const char *)b))
			g_string_append_printf(names, "%s%s", names->len ? ", " : "", o->name);
}
