/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "unit/news.h"

void news_make(struct news *news, unsigned vm, unsigned serial, enum alert_status status)
{
	snprintf(news->alert, sizeof(news->alert), "%016x", vm);
	snprintf(news->key, sizeof(news->key), "%016x-%u", vm, serial);
	snprintf(news->vm, sizeof(news->vm), "vm-%04u", vm);
	snprintf(news->group, sizeof(news->group), "vm-ready");
	news->labels[0] = (struct kvmlens_tag){"vm", news->vm};
	news->labels[1] = (struct kvmlens_tag){"uuid", "11111111-2222-4333-8444-555555555555"};
	news->n = (struct notification){
		.key = news->key,
		.alert_id = news->alert,
		.rule_id = "vm-ready",
		.rule_name = "VM waits for CPU",
		.severity = ALERT_CRITICAL,
		.status = status,
		.starts_ms = NEWS_AT_MS - 60000,
		.ends_ms = status == ALERT_RESOLVED ? NEWS_AT_MS : 0,
		.at_ms = NEWS_AT_MS,
		.labels = news->labels,
		.n_labels = 2,
		.metric = "vm.cpu.ready_time",
		.value = 42.5,
		.threshold = 20,
		.summary = "ready time is 42.5 %",
		.description = "More vCPUs want a CPU than there are.\nMove a VM away.",
		.group_key = news->group,
	};
}
