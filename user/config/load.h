/* SPDX-License-Identifier: Apache-2.0 */
/* The typed load: from the canonical form into a struct, by libcyaml, as a table describes it. */
#ifndef KVMLENS_CONFIG_LOAD_H
#define KVMLENS_CONFIG_LOAD_H

#include <glib.h>
#include <jansson.h>
#include <yaml.h>
#include "config/option.h"

/*
 * Allocate a struct of the given size and load it. What the canonical form does not hold is zero;
 * a list of strings that is not empty ends with NULL, which its count leaves out.
 * -EINVAL, -ENOMEM; *ret_why is then libcyaml's word for it.
 */
int load_struct(const struct config_option *table, size_t size, const json_t *json, void **ret_base,
		const char **ret_why);

/*
 * Load over base, a struct of load_struct(): all or nothing. -EINVAL, -ENOMEM: *why has been
 * appended what is wrong.
 */
int load_merge(const struct config_option *table, size_t size, void *base, const json_t *json,
	       GString *why);

/*
 * Set one option from its text; section is the row that it lies in, NULL at the top. A tag is
 * added to those there are. Errors as load_merge.
 */
int load_option(const struct config_option *table, size_t size, void *base,
		const struct config_option *section, const struct config_option *option,
		const char *text, GString *why);

/* A copy of a struct of load_struct(), of the members that the table knows; for load_free(). */
void *load_clone(const struct config_option *table, size_t size, const void *base);

/* Free a struct of load_struct() with all that it owns; NULL is fine. */
void load_free(const struct config_option *table, size_t size, void *base);

#endif
