#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs in the emulated host as /test/main: every scenario named, or all, one after another.
# Results go to the second serial line, everything else to the console.
export PATH=/test:/bin:/sbin LC_ALL=C
stty -F /dev/ttyS1 raw
exec 9>/dev/ttyS1 2>&1
cd /test || exit 1

# What the kernel has complained of until now is not the agent's doing.
dmesg -c >/run/dmesg.boot
# The first argument is the kernel's name in the matrix.
export kernel="$1"
shift
[ $# -gt 0 ] || set -- scenarios/*.sh
for name; do
	name=${name##*/}
	name=${name%.sh}
	echo "=== $name"
	started=$(cut -d' ' -f1 /proc/uptime)
	sh "scenarios/$name.sh" || echo "fail $name: its script ended with $?" >&9
	# What a failed scenario has left would disturb the next; this machine is ours alone.
	killall -q -9 kvmlens mini
	kvmlens unload >/dev/null 2>&1
	echo "time $name $started $(cut -d' ' -f1 /proc/uptime)" >&9
done
# Nothing that the agent did may make the kernel complain.
complaints=$(dmesg | grep -E 'cut here|WARNING:|BUG:|Oops' | head -n 3)
if [ -n "$complaints" ]; then
	dmesg | grep -A30 -m1 'cut here'
	echo "fail kernel log: $complaints" >&9
else
	echo "ok kernel log: no warning" >&9
fi
echo "end" >&9
