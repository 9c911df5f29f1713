#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every metric of the table has an oracle in some test, or stands in tests/no-oracle with the reason.
set -uo pipefail
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
exec "$TOP/scripts/oracles.py" --check
