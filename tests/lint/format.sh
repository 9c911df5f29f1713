#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The C sources are as clang-format leaves them, and no line is longer than 100 columns but for a
# message, which stays in one piece.
set -uo pipefail
cd "$TOP" || exit

status=0
scripts/format.sh || status=1
while read -r file; do
	expand -t 8 "$file" | awk -v file="$file" 'length > 100 && !/"/ { print file ":" NR ": over 100 columns"; bad = 1 }
		END { exit bad }' || status=1
done < <(find bpf include user tests vmlinux -name '*.[ch]' 2>/dev/null)
exit $status
