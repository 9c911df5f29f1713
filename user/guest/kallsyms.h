/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own symbol table, found and decoded in a copy of a guest's read-only data. The
 * tables have no header; they are recognised by how they fit together, for every order that
 * kernels from 5.10 on have used.
 */
#ifndef KVMLENS_GUEST_KALLSYMS_H
#define KVMLENS_GUEST_KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KALLSYMS_NAME_MAX 512

enum kallsyms_layout {
	KALLSYMS_BASE_FIRST = 1, /* offsets and relative_base before the names: up to 6.3 */
	KALLSYMS_BASE_LAST, /* after token_index: from 6.4 */
	KALLSYMS_PLACE, /* after token_index, each relative to its own place: from 7.0 */
};

/* Offsets into the window; every table lies inside it. */
struct kallsyms {
	const uint8_t *window;
	size_t len;
	size_t names, names_end, tokens, token_index, offsets;
	uint32_t n;
	enum kallsyms_layout layout;
	bool percpu_absolute; /* negative offsets are relative, others are absolute */
	uint64_t base;
};

/*
 * Where in the window the next token table begins, from byte `from` on. -ENOENT: nowhere.
 */
int kallsyms_tokens(const uint8_t *window, size_t len, size_t from, size_t *ret_at);

/* The tables around the token table at `at`. -ENOENT: they do not fit together. */
int kallsyms_open(const uint8_t *window, size_t len, size_t at, struct kallsyms *ret_syms);

struct kallsyms_wanted {
	const char *name;
	/* Of BASE layouts the address; of PLACE the distance from the window's first byte. */
	uint64_t value;
	bool found;
};

/* Look names up in one pass; the first symbol of a name counts. */
void kallsyms_find(const struct kallsyms *syms, struct kallsyms_wanted *wanted, unsigned n);

#endif
