// SPDX-License-Identifier: Apache-2.0
#include "alert/notification.h"

const char *alert_severity_name(enum alert_severity severity)
{
	static const char *const names[] = {"info", "warning", "critical"};

	return names[severity];
}

const char *alert_status_name(enum alert_status status)
{
	static const char *const names[] = {"firing", "resolved", "nodata"};

	return names[status];
}
