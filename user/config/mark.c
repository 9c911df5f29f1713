// SPDX-License-Identifier: Apache-2.0
#include "config/mark.h"

#include <string.h>

/* The value of a mapping's key, NULL. */
static const yaml_node_t *value_of(yaml_document_t *document, const yaml_node_t *node,
				   const char *name)
{
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(document, pair->key);

		if (key->type == YAML_SCALAR_NODE &&
		    strcmp((const char *)key->data.scalar.value, name) == 0)
			return yaml_document_get_node(document, pair->value);
	}
	return NULL;
}

static const yaml_node_t *find_list(yaml_document_t *document, const char *name)
{
	const yaml_node_t *list = value_of(document, yaml_document_get_root_node(document), name);

	return list && list->type == YAML_SEQUENCE_NODE ? list : NULL;
}

unsigned mark_line(yaml_document_t *document, const char *list, const char *key, const char *value)
{
	const yaml_node_t *node = find_list(document, list);

	if (!node)
		return 0;
	for (yaml_node_item_t *i = node->data.sequence.items.start;
	     i < node->data.sequence.items.top; i++) {
		const yaml_node_t *item = yaml_document_get_node(document, *i);
		const yaml_node_t *name = value_of(document, item, key);

		if (name && name->type == YAML_SCALAR_NODE &&
		    strcmp((const char *)name->data.scalar.value, value) == 0)
			return item->start_mark.line + 1;
	}
	return 0;
}

size_t mark_count(yaml_document_t *document, const char *list)
{
	const yaml_node_t *node = find_list(document, list);

	return node ? node->data.sequence.items.top - node->data.sequence.items.start : 0;
}
