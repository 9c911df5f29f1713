#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Alerts reach people: a mail server with STARTTLS, a webhook, Slack's form, Alertmanager, syslog;
# and what happens when they hang, refuse, lie or are gone, or the agent is killed. See delivery.py.
set -uo pipefail

skip() {
	echo "$*"
	exit 77
}

for program in prometheus-alertmanager openssl; do
	command -v $program >/dev/null || skip "$program is not installed"
done
# Debian's packages are those of Debian's own interpreter.
python=/usr/bin/python3
$python -c 'import aiosmtpd' 2>/dev/null || skip "python3-aiosmtpd is not installed"
exec $python "$TOP/tests/e2e/lib/delivery.py"
