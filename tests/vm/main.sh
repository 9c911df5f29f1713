#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs in the emulated host as /test/main: every scenario named, or all, one after another.
# Results go to the second serial line, everything else to the console.
export PATH=/test:/bin:/sbin LC_ALL=C
stty -F /dev/ttyS1 raw
exec 9>/dev/ttyS1 2>&1
cd /test || exit 1

wanted=$*
[ -n "$wanted" ] || wanted=$(cd scenarios && ls | sed 's/\.sh$//')
for name in $wanted; do
	echo "=== $name"
	started=$(cut -d' ' -f1 /proc/uptime)
	sh ${TRACE:+-x} "scenarios/$name.sh" || echo "fail $name: its script ended with $?" >&9
	echo "time $name $started $(cut -d' ' -f1 /proc/uptime)" >&9
done
echo "end" >&9
