#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What this code base does without: unbounded string functions, shells, exits and prints in library
# code, files and functions of too many lines, paths of somebody's machine.
set -uo pipefail
cd "$TOP" || exit
status=0

mapfile -t all < <(scripts/sources.sh)
mapfile -t code < <(printf "%s\n" "${all[@]}" | grep -E '^(bpf|include|user)/.*\.[ch]$')
mapfile -t library < <(printf '%s\n' "${code[@]}" | grep -vE '^(bpf|include)/|^user/(cli|tui)/|^user/(main|agent)\.')

# Complain of lines that match, in files given on standard input; comments and strings are blanked.
forbid() {
	local why=$1 pattern=$2 file
	shift 2
	for file; do
		blank "$file" | grep -nE "$pattern" | sed "s|^|$file:|; s|\$|   <- $why|" && status=1
	done
}

blank() {
	sed -E 's:"([^"\\]|\\.)*":"":g; s://.*::; s:/\*.*\*/::; /^[[:space:]]*\/?\*/s/.*//' "$1"
}

forbid "unbounded or shell" '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|system|popen|alloca|mktemp|tmpnam)\(' "${code[@]}"
forbid "library code does not end the process" '\b(exit|_exit|abort|errx?|verrx?)\(' \
	"${library[@]}"
forbid "library code does not print" '\b(printf|puts|perror|warnx?|g_print|g_printerr|g_warning|g_message|g_critical)\(|fprintf\((stderr|stdout)' \
	"${library[@]}"

grep -nE '(^|[^[:alnum:]_./-])/(home|work|srv)/' "${all[@]}" | grep -v '^tests/lint/forbidden.sh:' |
	sed 's/$/   <- a path of one machine/' && status=1

# A function's body stands between braces in the first column.
for file in "${code[@]}"; do
	awk -v file="$file" '
		/^\{/ { start = NR }
		/^\}/ && start { if (NR - start > 61) { print file ":" start ": a function of " NR - start - 1 " lines, 60 at most"; bad = 1 } start = 0 }
		END { if (NR > 500) { print file ": " NR " lines, 500 at most"; bad = 1 } exit bad }' "$file" || status=1
done
exit $status
