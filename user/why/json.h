/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVMLENS_WHY_JSON_H
#define KVMLENS_WHY_JSON_H

#include <jansson.h>
#include "why/why.h"

/* All findings, and the last stalls, as one object; new. */
json_t *why_json(const struct evidence *evidence, const GArray *findings, const char *source);

#endif
