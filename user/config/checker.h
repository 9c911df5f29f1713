/* SPDX-License-Identifier: Apache-2.0 */
/* What check.c and check_value.c share; nothing else includes it. */
#ifndef KVMLENS_CONFIG_CHECKER_H
#define KVMLENS_CONFIG_CHECKER_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <yaml.h>
#include "config/option.h"

struct checker {
	yaml_document_t *document;
	GString *path; /* of the key being checked: "http.timeout" */
	bool in_list; /* inside an item of a list, whose defaults are filled in here */
	GString *why;
	size_t prefix; /* bytes that why began with: they begin each line */
	unsigned mistakes;
};

static inline yaml_node_t *checker_node(const struct checker *checker, int index)
{
	return yaml_document_get_node(checker->document, index);
}

static inline const char *node_text(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

/*
 * Append "LINE: path: " and what is wrong, as a line of its own; a flag's value (no node) has
 * neither. -EINVAL. Checking continues with the next key or item, so that all mistakes show.
 */
int checker_fail(struct checker *checker, const yaml_node_t *node, const char *what);

/* A value of any kind, and a mapping of a table's keys. -EINVAL with the message appended. */
int checker_value(struct checker *checker, const struct config_option *option,
		  const yaml_node_t *node, json_t **ret_json);
int checker_mapping(struct checker *checker, const struct config_option *table,
		    const yaml_node_t *node, json_t **ret_json);

#endif
