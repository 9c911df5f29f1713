/* SPDX-License-Identifier: Apache-2.0 */
/* YAML text as a tree of nodes that know their line; bounded, because a file may be anything. */
#ifndef KVMLENS_CONFIG_DOCUMENT_H
#define KVMLENS_CONFIG_DOCUMENT_H

#include <glib.h>
#include <yaml.h>

#define DOCUMENT_MAX_BYTES (1024 * 1024)
#define DOCUMENT_MAX_DEPTH 16
#define DOCUMENT_MAX_NODES 65536

/*
 * Parse one YAML document. -EINVAL: *why has been appended "LINE: what is wrong and what to do"
 * (a line alone where the whole file is meant). On success the caller deletes *ret_document with
 * yaml_document_delete.
 */
int document_parse(const char *text, size_t len, yaml_document_t *ret_document, GString *why);

#endif
