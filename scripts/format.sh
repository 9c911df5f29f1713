#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Show what clang-format would change in the C sources; with -i change it. Fails on a difference.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

mapfile -t files < <(find bpf include user tests vmlinux -name '*.[ch]' 2>/dev/null | sort)
if [ "${1:-}" = -i ]; then
	exec clang-format -i "${files[@]}"
fi
status=0
for file in "${files[@]}"; do
	clang-format "$file" | diff -u --label "$file" --label "$file, formatted" "$file" - || status=1
done
[ $status -eq 0 ] || echo "run 'make format'"
exit $status
