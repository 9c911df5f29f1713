#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# README's generated parts: what stands between <!-- NAME begins --> and <!-- NAME ends -->. Show
# what has changed, and fail then; with -i bring README up to date.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
kvmlens=${KVMLENS:-build/kvmlens}

generated() {
	case $1 in
	reference) "$kvmlens" help --format markdown ;;
	*) echo "README names a part that nobody makes: $1" >&2 && exit 1 ;;
	esac
}

whole() {
	local line skipping=
	while IFS= read -r line; do
		[[ $line =~ ^'<!-- '[a-z]+' ends -->'$ ]] && skipping=
		[ -n "$skipping" ] || printf '%s\n' "$line"
		if [[ $line =~ ^'<!-- '([a-z]+)' begins -->'$ ]]; then
			skipping=yes
			generated "${BASH_REMATCH[1]}"
		fi
	done <README.md
}

new=$(mktemp)
trap 'rm -f "$new"' EXIT
whole >"$new"
if [ "${1:-}" = -i ]; then
	cat "$new" >README.md
	exit
fi
diff -u --label README.md --label 'README.md as it should be' README.md "$new" || {
	echo "run scripts/readme.sh -i"
	exit 1
}
