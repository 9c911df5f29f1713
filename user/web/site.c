// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "web/accept.h"
#include "web/site.h"

/* With intervals of 100 ms a busy machine alone would make a page stale. */
#define FRESH_MIN_MS 3000

struct MHD_Response *site_response(const char *type, uint64_t size, int fd)
{
	struct MHD_Response *response = MHD_create_response_from_fd64(size, fd);

	if (!response)
		return NULL;
	MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Vary", "Accept");
	return response;
}

int site_put_page(struct site *site, uint32_t index, const struct wire_page *page, int fd)
{
	struct site_document *document = &site->documents[index];
	struct MHD_Response *response;

	if (index >= site->n) {
		close(fd);
		return -EBADMSG;
	}
	response = site_response(document->is.type, page->size, fd);
	if (!response) {
		close(fd);
		return -ENOMEM;
	}
	/* Answers that are still being sent keep a reference of their own. */
	if (document->response)
		MHD_destroy_response(document->response);
	document->response = response;
	document->page = *page;
	return 0;
}

void site_clear(struct site *site)
{
	for (uint32_t i = 0; i < site->n; i++)
		if (site->documents[i].response)
			MHD_destroy_response(site->documents[i].response);
	memset(site, 0, sizeof(*site));
}

uint32_t site_find(const struct site *site, const char *path, const char *accept)
{
	const char *types[WIRE_DOCUMENTS_MAX];
	uint32_t found[WIRE_DOCUMENTS_MAX], n = 0;

	for (uint32_t i = 0; i < site->n; i++) {
		if (strcmp(site->documents[i].is.path, path))
			continue;
		types[n] = site->documents[i].is.type;
		found[n++] = i;
	}
	return n ? found[accept_choose(accept, types, n)] : SITE_NONE;
}

bool site_is_current(const struct site *site, uint32_t index)
{
	const struct site_document *document = &site->documents[index];

	return document->response && document->page.seq + 1 >= site->newest.seq;
}

bool site_is_fresh(const struct wire_page *page, uint64_t now_ns)
{
	uint64_t allowed_ms = 3ull * page->interval_ms;

	if (allowed_ms < FRESH_MIN_MS)
		allowed_ms = FRESH_MIN_MS;
	return page->seq &&
	       (now_ns < page->mono_ns || (now_ns - page->mono_ns) / 1000000 < allowed_ms);
}
