#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fail where clang-format would change a C source, and say where; with -i change it.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

mapfile -t files < <(find bpf include user tests vmlinux -name '*.[ch]' 2>/dev/null | sort)
if [ "${1:-}" = -i ]; then
	exec clang-format -i "${files[@]}"
fi
printf '%s\0' "${files[@]}" | xargs -0 -n 16 -P "$(nproc)" clang-format --dry-run --Werror || {
	echo "run 'make format'"
	exit 1
}
