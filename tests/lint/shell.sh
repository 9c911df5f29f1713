#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The shell scripts have no complaint of shellcheck's from warning level on.
set -uo pipefail
cd "$TOP" || exit

mapfile -t scripts < <(scripts/sources.sh | while read -r file; do
	head -n 1 "$file" | grep -qE '^#!.*\b(ba|da)?sh\b' && echo "$file"
done)
shellcheck --severity=warning --external-sources "${scripts[@]}"
