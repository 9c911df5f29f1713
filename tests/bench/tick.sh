#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A gate that noise cannot move: instructions of one tick with 1,000 VMs of 8 vCPUs, counted by
# callgrind as the difference between runs of 5 and of 3 ticks.
set -eu
limit=${TICK_INSTRUCTIONS_MAX:-40000000}

instructions() {
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$BUILD"/tests/bench/bench_tick "$1" \
		2>&1 >/dev/null | sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}

command -v valgrind >/dev/null || { echo "valgrind is not installed"; exit 77; }
three=$(instructions 3)
five=$(instructions 5)
tick=$(((five - three) / 2))
echo "instructions a tick, 1,000 VMs of 8 vCPUs: $tick (gate $limit)"
[ "$tick" -gt 0 ] && [ "$tick" -le "$limit" ]
