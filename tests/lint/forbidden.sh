#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What this code base does without: unbounded string functions, shells, exits and prints in library
# code, paths of somebody's machine. It reports long files and functions, but does not fail on them.
set -uo pipefail
cd "$TOP" || exit
status=0

mapfile -t all < <(scripts/sources.sh)
mapfile -t code < <(printf "%s\n" "${all[@]}" | grep -E '^(bpf|include|user)/.*\.[ch]$')

# Strings and comments are blanked. A function's body stands between braces in the first column.
awk '
function complain(why) {
	print FILENAME ":" FNR ": " why ": " $0
	bad = 1
}
# Length is no fault: one subject may be long. It is reported for whoever reads the log.
function note(what) {
	print FILENAME ":" FNR ": note: " what
}
FNR == 1 {
	library = FILENAME ~ /^user\// && FILENAME !~ /^user\/(cli|tui)\/|^user\/(main|agent)\./
	start = 0
}
/^\{/ { start = FNR }
/^\}/ && start {
	if (FNR - start > 101) note("a function of " FNR - start - 1 " lines")
	start = 0
}
FNR == 1001 { note("a file of more than 1000 lines") }
{
	line = $0
	gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
	sub(/\/\/.*/, "", line)
	gsub(/\/\*.*\*\//, "", line)
	if (line ~ /^[ \t]*\/?\*/) next
}
line ~ /(^|[^a-z_0-9])(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|system|popen|alloca|mktemp|tmpnam)\(/ {
	complain("unbounded, or a shell")
}
library && line ~ /(^|[^a-z_0-9])(exit|_exit|abort|errx?|verrx?)\(/ { complain("library code does not end the process") }
library && line ~ /(^|[^a-z_0-9])((printf|puts|perror|warnx?|g_print|g_printerr|g_warning|g_message|g_critical)\(|fprintf\((stderr|stdout))/ {
	complain("library code does not print")
}
END { exit bad }' "${code[@]}" || status=1

grep -nE '(^|[^[:alnum:]_./-])/(home|work|srv)/' "${all[@]}" | grep -v '^tests/lint/forbidden.sh:' |
	sed 's/$/   <- a path of one machine/' && status=1

exit $status
