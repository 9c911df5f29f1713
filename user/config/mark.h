/* SPDX-License-Identifier: Apache-2.0 */
/* Where rules stand in their file. */
#ifndef KVMLENS_CONFIG_MARK_H
#define KVMLENS_CONFIG_MARK_H

#include <yaml.h>
#include "config/rule.h"

/* Note the line of each rule of the document's list "rules", which was loaded from it. */
void rule_mark_lines(yaml_document_t *document, struct config_rule *rules, size_t n);

#endif
