/* SPDX-License-Identifier: Apache-2.0 */
/* What the face knows: documents, their newest pages, and how fresh these are. */
#ifndef KVMLENS_WEB_SITE_H
#define KVMLENS_WEB_SITE_H

#include <microhttpd.h>
#include <stdbool.h>
#include "web/wire.h"

#define SITE_NONE UINT32_MAX

struct site_document {
	struct wire_document is;
	struct MHD_Response *response; /* counted; NULL: no page yet */
	struct wire_page page;
	uint64_t asked_ms; /* last WIRE_ASK, 0: never */
};

struct site {
	struct site_document documents[WIRE_DOCUMENTS_MAX];
	uint32_t n;
	struct wire_page newest; /* snapshot, of which there need be no page; seq 0: none */
};

/* What the descriptor holds, which it owns unless it returns NULL. */
struct MHD_Response *site_response(const char *type, uint64_t size, int fd);

/* Take over a page; owns fd. Negative errno: it is dropped. */
int site_put_page(struct site *site, uint32_t index, const struct wire_page *page, int fd);
void site_clear(struct site *site);

/* The document for a path and an Accept header (may be NULL); SITE_NONE: no such path. */
uint32_t site_find(const struct site *site, const char *path, const char *accept);

/* Is its page of the newest snapshot but one, or newer? */
bool site_is_current(const struct site *site, uint32_t index);

/*
 * May its page still be shown, at now_ns of CLOCK_MONOTONIC? False: it is older than three
 * intervals and than three seconds, as when the collector hangs. A frozen value is no value.
 */
bool site_is_fresh(const struct wire_page *page, uint64_t now_ns);

#endif
