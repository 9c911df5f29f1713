#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The history: bytes a value, CPU time of the writer, a query; beside plain rows and RRDtool.
exec "$BUILD"/tests/bench/bench_store
