#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The agent beside a Prometheus with the exported rules, one Alertmanager for both, a Postfix with
# STARTTLS for two recipients, and channels of every type with every option: the same alerts at the
# same moments, one page each; then a disk that is full from the start. See alert_real.py.
set -uo pipefail
# A BPF file system of its own: another agent may run on this host, with its pins.
if [ "${PRIVATE:-}" != yes ]; then
	exec env PRIVATE=yes unshare --mount --propagation private "$0"
fi

skip() {
	echo "$*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root"
for program in prometheus prometheus-alertmanager postfix openssl qemu-system-x86_64; do
	command -v $program >/dev/null || skip "$program is not installed"
done
# Debian's packages are those of Debian's own interpreter.
python=/usr/bin/python3
$python -c 'import aiosmtpd' 2>/dev/null || skip "python3-aiosmtpd is not installed"
mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system may be mounted"
mkdir -p /run/kvmlens && mount -t tmpfs control /run/kvmlens || skip "no file system may be mounted"
PYTHONDONTWRITEBYTECODE=1 exec $python "$TOP/tests/e2e/lib/alert_real.py"
