// SPDX-License-Identifier: Apache-2.0
#include "web/fill.h"
#include "web/web.h"

void web_fill(void *web, struct kvmlens_snapshot *snapshot)
{
	struct snap_web *entity;
	struct web_state state;

	web_get_state(web, &state);
	entities_alloc(&snapshot->webs, 1, sizeof(struct snap_web));
	entity = entities_at(&snapshot->webs, 0);
	*entity = (struct snap_web){
		.labels = labels_new(NULL, NULL, 0),
		.up = state.up,
		.restarts = state.restarts,
		.pages = state.pages,
		.unsent = state.unsent,
		.requests = state.requests,
		.refused = state.refused,
		.evicted = state.evicted,
		.unauthorized = state.unauthorized,
		.queries = state.queries,
	};
}
