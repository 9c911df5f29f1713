// SPDX-License-Identifier: Apache-2.0
#include "config/mark.h"

#include <string.h>

static const yaml_node_t *find_list(yaml_document_t *document)
{
	const yaml_node_t *root = yaml_document_get_root_node(document);

	if (!root || root->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
	     pair < root->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(document, pair->key);

		if (key->type == YAML_SCALAR_NODE &&
		    strcmp((const char *)key->data.scalar.value, "rules") == 0)
			return yaml_document_get_node(document, pair->value);
	}
	return NULL;
}

void rule_mark_lines(yaml_document_t *document, struct config_rule *rules, size_t n)
{
	const yaml_node_t *list = find_list(document);
	size_t i = 0;

	if (!list || list->type != YAML_SEQUENCE_NODE)
		return;
	for (yaml_node_item_t *item = list->data.sequence.items.start;
	     i < n && item < list->data.sequence.items.top; item++)
		rules[i++].line = yaml_document_get_node(document, *item)->start_mark.line + 1;
}
