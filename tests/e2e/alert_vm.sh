#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real VM waits for its CPU: the rule fires after its duration, all five kinds of channels are
# told once, over a kill -9 of the agent, and once that it is over. See alert_vm.py.
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
for program in prometheus-alertmanager openssl qemu-system-x86_64; do
	command -v $program >/dev/null || skip "$program is not installed"
done
# Debian's packages are those of Debian's own interpreter.
python=/usr/bin/python3
$python -c 'import aiosmtpd' 2>/dev/null || skip "python3-aiosmtpd is not installed"
mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system may be mounted"
mkdir -p /run/kvmlens && mount -t tmpfs control /run/kvmlens || skip "no file system may be mounted"
PYTHONDONTWRITEBYTECODE=1 exec $python "$TOP/tests/e2e/lib/alert_vm.py"
