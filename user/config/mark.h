/* SPDX-License-Identifier: Apache-2.0 */
/* Where the items of a list stand in their file. */
#ifndef KVMLENS_CONFIG_MARK_H
#define KVMLENS_CONFIG_MARK_H

#include <stddef.h>
#include <yaml.h>

/* The line of the item of the document's top-level list whose key has this value; 0: none has. */
unsigned mark_line(yaml_document_t *document, const char *list, const char *key, const char *value);

/* The items of a top-level list. */
size_t mark_count(yaml_document_t *document, const char *list);

#endif
