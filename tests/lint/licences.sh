#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The SPDX line is among the first three of every source and names the licence of its directory.
set -uo pipefail
cd "$TOP" || exit

spdx_of() {
	case $1 in
	bpf/* | vmlinux/* | include/*_types.h | tests/*.bpf.c | tests/*.bpf.h) echo "GPL-2.0-only OR BSD-2-Clause" ;;
	*) echo "Apache-2.0" ;;
	esac
}

# Data and texts have no line of their own to spare.
exempt() {
	case $1 in
	*LICENSE* | *.md | tests/data/* | tests/fuzz/corpus/* | *.json | .gitignore | .clang-format | .shellcheckrc) return 0 ;;
	esac
	return 1
}

status=0
while read -r file; do
	exempt "$file" && continue
	[[ $(head -n 3 "$file") == *"SPDX-License-Identifier: $(spdx_of "$file")"* ]] || {
		echo "$file: the first lines must have SPDX-License-Identifier: $(spdx_of "$file")"
		status=1
	}
done < <(scripts/sources.sh)
exit $status
