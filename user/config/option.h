/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An option is one row of a table. From the rows come the YAML keys, the flags, --help, the man
 * page, the documentation and the typed load: to add an option, add a member to a struct and a
 * row to its table; to add a section, a struct, its table and an OPTION_SECTION row.
 */
#ifndef KVMLENS_CONFIG_OPTION_H
#define KVMLENS_CONFIG_OPTION_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cyaml/cyaml.h>

enum option_kind {
	OPTION_END, /* ends a table */
	OPTION_BOOL, /* bool */
	OPTION_UINT, /* unsigned */
	OPTION_FLOAT, /* double */
	OPTION_MS, /* unsigned milliseconds, written as a duration: 500ms, 2s, 1m30s */
	OPTION_SECONDS, /* unsigned seconds, written as a duration */
	OPTION_SIZE, /* uint64_t bytes, written 64KiB, 1GiB */
	OPTION_STRING, /* char *, NULL when unset */
	OPTION_ENUM, /* an enum, one of choices */
	OPTION_FLAGS, /* unsigned, choices or-ed: a list or words with commas */
	OPTION_STRINGS, /* char **, NULL-terminated unless empty (NULL), and size_t */
	OPTION_TAGS, /* struct kvmlens_tag * and size_t: a mapping of any keys to strings */
	OPTION_SECTION, /* a struct, described by fields */
	OPTION_LIST, /* an array of structs and size_t, described by fields */
};

/* Which subcommands know an option as a flag, or-ed; 0: the file alone has it. */
enum option_for {
	FOR_RUN = 1 << 0,
	FOR_TOP = 1 << 1,
	FOR_VMS = 1 << 2,
	FOR_METRICS = 1 << 3,
	FOR_DOCTOR = 1 << 4,
	FOR_UNLOAD = 1 << 5,
	FOR_CHECK_CONFIG = 1 << 6,
	FOR_VERSION = 1 << 7,
	FOR_HELP = 1 << 8,
	FOR_ANALYZE = 1 << 9,
	FOR_HISTORY = 1 << 10,
	FOR_INSIGHTS = 1 << 11,
	FOR_DETAIL = 1 << 12,
	FOR_RELOAD = 1 << 13,
	FOR_ALERTS = 1 << 20,
	FOR_SILENCE = 1 << 21,
	FOR_WHY = 1 << 24,
	FOR_STORE = 1 << 25,
};

struct config_option {
	const char *name; /* the YAML key; as a flag with - for _ */
	const char *flag; /* the flag's name where it is another one, else NULL */
	enum option_kind kind;
	size_t offset, size; /* of the member */
	size_t count_offset; /* of the count, for kinds that have one */
	size_t item_size; /* of a struct of OPTION_LIST */
	uint64_t min, max; /* value, or length of a string, or number of items; max 0: the kind's */
	const cyaml_strval_t *choices; /* also of OPTION_STRING: then one of these words */
	size_t n_choices;
	const struct config_option *fields;
	bool required; /* inside a section or a list's item */
	bool unique; /* a string of a list's item: no two items have the same */
	bool vm_keys; /* of OPTION_TAGS: vm and uuid are names like others */
	bool lines; /* a text may have several lines */
	const char *def; /* default as it would be written, NULL: none */
	/* One more rule for a scalar's text: append to why what is wrong and what to do. */
	void (*check)(const char *value, GString *why);
	/* A rule between the members of a list's item, once it is loaded: as check, of which
	 * each line is a mistake. */
	void (*verify)(const void *item, GString *why);
	unsigned commands; /* enum option_for */
	const char *value; /* what stands for the value in help: DURATION */
	const char *help; /* begins with a small letter, has no full stop */
	const char *example; /* as it would be written in the file */
};

/* offset and size of a member, refused by the compiler when it has another type than the kind's. */
#define OPTION_MEMBER(structure, member, ctype)                                        \
	.offset = offsetof(structure, member) +                                        \
		  0 * sizeof(char[__builtin_types_compatible_p(                        \
					  __typeof__(((structure *)0)->member), ctype) \
					  ? 1                                          \
					  : -1]),                                      \
	.size = sizeof(((structure *)0)->member)
#define OPTION_COUNT(structure, member)       \
	.count_offset =                       \
		offsetof(structure, member) + \
		0 * sizeof(char[sizeof(((structure *)0)->member) == sizeof(size_t) ? 1 : -1])

#define AS_BOOL(structure, member) .kind = OPTION_BOOL, OPTION_MEMBER(structure, member, bool)
#define AS_UINT(structure, member) .kind = OPTION_UINT, OPTION_MEMBER(structure, member, unsigned)
#define AS_FLOAT(structure, member) .kind = OPTION_FLOAT, OPTION_MEMBER(structure, member, double)
#define AS_MS(structure, member) .kind = OPTION_MS, OPTION_MEMBER(structure, member, unsigned)
#define AS_SECONDS(structure, member) \
	.kind = OPTION_SECONDS, OPTION_MEMBER(structure, member, unsigned)
#define AS_SIZE(structure, member) .kind = OPTION_SIZE, OPTION_MEMBER(structure, member, uint64_t)
#define AS_STRING(structure, member) .kind = OPTION_STRING, OPTION_MEMBER(structure, member, char *)
#define AS_ENUM(structure, member, ctype, words)                                 \
	.kind = OPTION_ENUM, .choices = words, .n_choices = G_N_ELEMENTS(words), \
	OPTION_MEMBER(structure, member, ctype)
#define AS_FLAGS(structure, member, words)                                        \
	.kind = OPTION_FLAGS, .choices = words, .n_choices = G_N_ELEMENTS(words), \
	OPTION_MEMBER(structure, member, unsigned)
#define AS_STRINGS(structure, member, count)                               \
	.kind = OPTION_STRINGS, OPTION_MEMBER(structure, member, char **), \
	OPTION_COUNT(structure, count)
#define AS_TAGS(structure, member, count)                                            \
	.kind = OPTION_TAGS, OPTION_MEMBER(structure, member, struct kvmlens_tag *), \
	OPTION_COUNT(structure, count)
#define AS_SECTION(structure, member, ctype, table) \
	.kind = OPTION_SECTION, .fields = table, OPTION_MEMBER(structure, member, ctype)
#define AS_LIST(structure, member, count, ctype, table)                   \
	.kind = OPTION_LIST, .fields = table, .item_size = sizeof(ctype), \
	OPTION_MEMBER(structure, member, ctype *), OPTION_COUNT(structure, count)

/* The table of struct config, ended by OPTION_END. */
extern const struct config_option config_options[];

/* The row of that key, NULL: there is none. */
const struct config_option *option_find(const struct config_option *table, const char *name);

/* Do two structs of a table have the same values? */
bool option_same(const struct config_option *table, const void *a, const void *b);

/* The nearest key of a table, NULL when none is near. */
const char *option_nearest(const struct config_option *table, const char *name);

/* Append the range, or the choices, as people read it: "100ms to 1h", "auto, proc or x". */
void option_append_range(const struct config_option *option, GString *out);

/*
 * Check a scalar's text against its row and bring it to the form that the typed load takes:
 * numbers in the member's unit, choices and strings as they are. -EINVAL: *why has been appended
 * what is wrong and what to do.
 */
int option_canonical(const struct config_option *option, const char *text, GString *ret_text,
		     GString *why);

#endif
