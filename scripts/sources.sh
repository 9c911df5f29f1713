#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Print the files of the source tree, one a line: what git tracks, or all but build/ without git.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

if git rev-parse --git-dir >/dev/null 2>&1; then
	git ls-files --cached --others --exclude-standard | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
else
	find . -path ./build -prune -o -path ./.git -prune -o -type f -printf '%P\n'
fi | sort
