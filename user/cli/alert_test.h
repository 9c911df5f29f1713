/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule would do: of the VMs as they are, or of a recording. */
#ifndef KVMLENS_CLI_ALERT_TEST_H
#define KVMLENS_CLI_ALERT_TEST_H

#include "cli/command.h"

/* Look at the rule of that id; what it does is printed as it happens. */
enum exit_code alert_test(struct cli *cli, const struct config_rule *rule);

/* A moment as the local time, and as JSON's milliseconds. Static buffer of the caller's. */
#define ALERT_TIME_MAX 32
const char *alert_time(int64_t ms, char *buf);

#endif
