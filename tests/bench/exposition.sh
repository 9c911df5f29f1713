#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 300,000 series as text, against snprintf.
exec "$BUILD"/tests/bench/bench_exposition
