/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications for tests. */
#ifndef KVMLENS_TESTS_NEWS_H
#define KVMLENS_TESTS_NEWS_H

#include "alert/notification.h"

#define NEWS_AT_MS 1700000000123

/* A notification whose texts are its own: VM number vm, the serial-th news of its alert. */
struct news {
	struct notification n;
	struct kvmlens_tag labels[2];
	char key[NOTIFICATION_KEY_MAX + 1], alert[17], vm[32], group[32];
};

void news_make(struct news *news, unsigned vm, unsigned serial, enum alert_status status);

#endif
