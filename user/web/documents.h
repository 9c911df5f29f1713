/* SPDX-License-Identifier: Apache-2.0 */
/* The pages that there always are. */
#ifndef KVMLENS_WEB_DOCUMENTS_H
#define KVMLENS_WEB_DOCUMENTS_H

#include "web/web.h"

extern const struct web_document web_documents[];
extern const size_t n_web_documents;

#endif
