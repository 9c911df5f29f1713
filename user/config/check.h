/* SPDX-License-Identifier: Apache-2.0 */
/* Check a YAML tree against a table of options, and bring it to its canonical form. */
#ifndef KVMLENS_CONFIG_CHECK_H
#define KVMLENS_CONFIG_CHECK_H

#include <glib.h>
#include <jansson.h>
#include <yaml.h>
#include "config/option.h"

/*
 * Check every key and value. The canonical form is a JSON object: scalars as option_canonical()
 * gives them, lists as arrays, tags as [{key, value}], defaults filled in inside lists' items.
 * -EINVAL: *why has been appended "LINE: what is wrong and what to do" for each mistake; from the
 * second on in a line of its own, which begins as why did. *ret_json then holds what is right: of
 * a list its right items.
 */
int check_document(const struct config_option *table, yaml_document_t *document, json_t **ret_json,
		   GString *why);

/* The same for one option given as text, with commas between the values of a list. */
int check_text(const struct config_option *option, const char *text, json_t **ret_json,
	       GString *why);

/* The canonical form of a table's defaults. */
json_t *check_defaults(const struct config_option *table);

#endif
