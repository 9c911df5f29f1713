// SPDX-License-Identifier: Apache-2.0
#include "config/option.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "util/text.h"

#define STRING_MAX 4096

struct unit {
	const char *name;
	uint64_t factor;
};

/* The largest first: text is made of the first that divides. */
static const struct unit time_units[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
static const struct unit size_units[] = {
	{"TiB", 1ull << 40},
	{"GiB", 1ull << 30},
	{"MiB", 1ull << 20},
	{"KiB", 1ull << 10},
	{"B", 1},
};

const struct config_option *option_find(const struct config_option *table, const char *name)
{
	for (; table->kind != OPTION_END; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

const char *option_nearest(const struct config_option *table, const char *name)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (; table->kind != OPTION_END; table++)
		g_ptr_array_add(names, (char *)table->name);
	return text_nearest(name, (const char *const *)names->pdata, names->len);
}

/* The unit at the start of text, the longest name that fits; NULL: none. */
static const struct unit *find_unit(const struct unit *units, size_t n, const char *text)
{
	const struct unit *found = NULL;

	for (size_t i = 0; i < n; i++)
		if (g_str_has_prefix(text, units[i].name) &&
		    (!found || strlen(units[i].name) > strlen(found->name)))
			found = &units[i];
	return found;
}

/* Numbers with units, one after the other and summed: 1m30s. -EINVAL, -ERANGE. */
static int parse_units(const struct unit *units, size_t n, const char *text, uint64_t *ret_value)
{
	uint64_t sum = 0;

	if (!*text)
		return -EINVAL;
	while (*text) {
		const struct unit *unit;
		uint64_t number, part;
		char *end;

		if (!g_ascii_isdigit(*text))
			return -EINVAL;
		errno = 0;
		number = g_ascii_strtoull(text, &end, 10);
		if (errno)
			return -ERANGE;
		unit = find_unit(units, n, end);
		if (!unit)
			return -EINVAL;
		if (__builtin_mul_overflow(number, unit->factor, &part) ||
		    __builtin_add_overflow(sum, part, &sum))
			return -ERANGE;
		text = end + strlen(unit->name);
	}
	*ret_value = sum;
	return 0;
}

static void append_units(const struct unit *units, size_t n, uint64_t value, GString *out)
{
	for (size_t i = 0; i < n; i++)
		if (i == n - 1 || (value && value % units[i].factor == 0)) {
			g_string_append_printf(out, "%" PRIu64 "%s", value / units[i].factor,
					       units[i].name);
			return;
		}
}

static void append_value(const struct config_option *option, uint64_t value, GString *out)
{
	if (option->kind == OPTION_MS)
		append_units(time_units, G_N_ELEMENTS(time_units), value, out);
	else if (option->kind == OPTION_SECONDS)
		append_units(time_units, G_N_ELEMENTS(time_units), value * 1000, out);
	else if (option->kind == OPTION_SIZE)
		append_units(size_units, G_N_ELEMENTS(size_units), value, out);
	else
		g_string_append_printf(out, "%" PRIu64, value);
}

static uint64_t option_max(const struct config_option *option)
{
	if (option->max)
		return option->max;
	switch (option->kind) {
	case OPTION_SIZE:
		return INT64_MAX;
	case OPTION_STRING:
	case OPTION_STRINGS:
		return STRING_MAX;
	default:
		return UINT32_MAX;
	}
}

static void append_choices(const struct config_option *option, GString *out)
{
	for (size_t i = 0; i < option->n_choices; i++) {
		if (i)
			g_string_append(out, i + 1 < option->n_choices ? ", " : " or ");
		g_string_append(out, option->choices[i].str);
	}
}

void option_append_range(const struct config_option *option, GString *out)
{
	switch (option->kind) {
	case OPTION_BOOL:
		g_string_append(out, "true or false");
		break;
	case OPTION_UINT:
	case OPTION_MS:
	case OPTION_SECONDS:
	case OPTION_SIZE:
		append_value(option, option->min, out);
		g_string_append(out, " to ");
		append_value(option, option_max(option), out);
		break;
	default:
		append_choices(option, out);
	}
}

/* A number of any integer kind, in the member's unit. */
static int parse_number(const struct config_option *option, const char *text, uint64_t *ret_value)
{
	uint64_t value;
	char *end;
	int err;

	switch (option->kind) {
	case OPTION_MS:
	case OPTION_SECONDS:
		err = parse_units(time_units, G_N_ELEMENTS(time_units), text, &value);
		if (err)
			return err;
		if (option->kind == OPTION_SECONDS) {
			if (value % 1000)
				return -EINVAL;
			value /= 1000;
		}
		break;
	case OPTION_SIZE:
		err = parse_units(size_units, G_N_ELEMENTS(size_units), text, &value);
		if (err)
			return err;
		break;
	default:
		errno = 0;
		value = g_ascii_strtoull(text, &end, 10);
		if (!g_ascii_isdigit(*text) || *end)
			return -EINVAL;
		if (errno)
			return -ERANGE;
	}
	if (value < option->min || value > option_max(option))
		return -ERANGE;
	*ret_value = value;
	return 0;
}

static const char *kind_noun(enum option_kind kind)
{
	switch (kind) {
	case OPTION_MS:
		return "a duration like 500ms, 2s or 1m";
	case OPTION_SECONDS:
		return "a duration of whole seconds like 2s, 1m or 1h";
	case OPTION_SIZE:
		return "a size like 64KiB or 1GiB";
	default:
		return "a whole number";
	}
}

static int number_canonical(const struct config_option *option, const char *text, GString *ret_text,
			    GString *why)
{
	g_autofree char *shown = text_quote(text);
	uint64_t value;
	int err = parse_number(option, text, &value);

	if (!err) {
		g_string_append_printf(ret_text, "%" PRIu64, value);
		return 0;
	}
	if (err == -ERANGE)
		g_string_append_printf(why, "%s is out of range; use ", shown);
	else
		g_string_append_printf(why, "%s is not %s; use ", shown, kind_noun(option->kind));
	option_append_range(option, why);
	return -EINVAL;
}

static int float_canonical(const char *text, GString *ret_text, GString *why)
{
	char digits[G_ASCII_DTOSTR_BUF_SIZE];
	char *end;
	double value = g_ascii_strtod(text, &end);

	if (end == text || *end || !isfinite(value)) {
		g_autofree char *shown = text_quote(text);

		g_string_append_printf(why, "%s is not a number; use one like 0.5 or 90", shown);
		return -EINVAL;
	}
	g_string_append(ret_text, g_ascii_dtostr(digits, sizeof(digits), value));
	return 0;
}

static int bool_canonical(const char *text, GString *ret_text, GString *why)
{
	static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no",
									       "off"};
	g_autofree char *shown = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(yes); i++) {
		if (strcmp(text, yes[i]) && strcmp(text, no[i]))
			continue;
		g_string_append(ret_text, strcmp(text, yes[i]) ? "false" : "true");
		return 0;
	}
	shown = text_quote(text);
	g_string_append_printf(why, "%s is neither true nor false; use one of them", shown);
	return -EINVAL;
}

static int choice_canonical(const struct config_option *option, const char *text, GString *ret_text,
			    GString *why)
{
	g_autofree const char **names = g_new(const char *, option->n_choices);
	g_autofree char *shown = NULL;
	const char *near;

	for (size_t i = 0; i < option->n_choices; i++) {
		names[i] = option->choices[i].str;
		if (strcmp(text, names[i]) == 0) {
			g_string_append(ret_text, text);
			return 0;
		}
	}
	shown = text_quote(text);
	near = text_nearest(text, names, option->n_choices);
	if (near)
		g_string_append_printf(why, "%s is not known; did you mean \"%s\"? Use ", shown,
				       near);
	else
		g_string_append_printf(why, "%s is not known; use ", shown);
	append_choices(option, why);
	return -EINVAL;
}

static bool printable(const char *text, bool lines)
{
	for (const char *p = text; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (!g_unichar_isprint(c) && !(lines && (c == '\n' || c == '\t')))
			return false;
	}
	return true;
}

/* Bytes of one text; of a list max is the number of its items. */
static uint64_t text_max(const struct config_option *option)
{
	if (option->kind == OPTION_TAGS)
		return option->lines ? 2048 : 256;
	return option->kind == OPTION_STRINGS ? 1024 : option_max(option);
}

static int string_canonical(const struct config_option *option, const char *text, GString *ret_text,
			    GString *why)
{
	uint64_t max = text_max(option);
	size_t len = strlen(text);
	size_t given = why->len;

	if (option->n_choices)
		return choice_canonical(option, text, ret_text, why);
	if (!g_utf8_validate(text, -1, NULL) || !printable(text, option->lines))
		g_string_append(why, "holds a character that cannot be printed; remove it");
	else if (len > max)
		g_string_append_printf(why, "is %zu bytes long; use at most %" PRIu64, len, max);
	else if (option->kind == OPTION_STRING && len < option->min)
		g_string_append(why, "is empty; give it a value or leave it out");
	else if (option->check)
		option->check(text, why);
	if (why->len > given)
		return -EINVAL;
	g_string_append(ret_text, text);
	return 0;
}

int option_canonical(const struct config_option *option, const char *text, GString *ret_text,
		     GString *why)
{
	switch (option->kind) {
	case OPTION_BOOL:
		return bool_canonical(text, ret_text, why);
	case OPTION_FLOAT:
		return float_canonical(text, ret_text, why);
	case OPTION_UINT:
	case OPTION_MS:
	case OPTION_SECONDS:
	case OPTION_SIZE:
		return number_canonical(option, text, ret_text, why);
	case OPTION_ENUM:
	case OPTION_FLAGS:
		return choice_canonical(option, text, ret_text, why);
	default:
		return string_canonical(option, text, ret_text, why);
	}
}
