/* SPDX-License-Identifier: Apache-2.0 */
/* The typed load: from the canonical form into a struct, by libcyaml, as a table describes it. */
#ifndef KVMLENS_CONFIG_LOAD_H
#define KVMLENS_CONFIG_LOAD_H

#include <jansson.h>
#include "config/option.h"

/*
 * Allocate a struct of the given size and load it. What the canonical form does not hold is zero.
 * -EINVAL, -ENOMEM; *ret_why is then libcyaml's word for it.
 */
int load_struct(const struct config_option *table, size_t size, const json_t *json, void **ret_base,
		const char **ret_why);

/* Exchange, between two structs of one table, the members that the canonical form holds. */
void load_swap(const struct config_option *table, const json_t *json, void *a, void *b);

/* Free a struct of load_struct() with all that it owns; NULL is fine. */
void load_free(const struct config_option *table, size_t size, void *base);

#endif
