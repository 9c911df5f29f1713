#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Overhead on a switch-heavy load, and the cost of reading the records.
set -u
status=0
"$BUILD"/tests/bench/bench_switch "${ROUNDS:-21}" || status=$?
[ $status = 77 ] && exit 77
"$BUILD"/tests/bench/bench_read || status=1
exit $status
