#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Check the include lines of user/ (or of the directory given) against the layers: a file includes
# headers of its own or a lower layer, what is downstream of snapshots never looks behind them, and
# a library that one directory wraps is included there only.
set -euo pipefail
cd "${1:-$(dirname "$(readlink -f "$0")")/../user}"

find . -name '*.[ch]' -printf '%P\n' | sort | xargs -r awk '
BEGIN {
	split("util 1 child 2 metric 2 config 2 vm 3 guest 3 probe 3 core 4 export 5 alert 5 analytics 5 store 5 why 5 " \
	      "web 6 tui 6 control 6 memory 7 delivery 7 remote 7 agent 7 cli 8 main 8", word)
	for (i = 1; i in word; i += 2) layer[word[i]] = word[i + 1]
	owner["bpf/"] = owner["linux/bpf.h"] = "probe"
	owner["libvirt/"] = "vm guest"
	owner["ncurses"] = owner["curses"] = "tui"
	owner["sqlite3"] = "store"
	owner["microhttpd"] = "web export"
	owner["curl/"] = "alert export"
	owner["cyaml/"] = "config"
}
function complain(text) {
	print FILENAME ":" FNR ": " text
	bad = 1
}
# The directory of a file, or the name of a file directly in user/.
function unit(path) {
	sub(/\/.*|\.[ch]$/, "", path)
	return path
}
function quoted(path,   to) {
	if (path ~ /\.skel\.h$/) {
		if (own != "probe") complain("only probe includes a skeleton, " path)
		return
	}
	to = unit(path)
	if (path !~ /\//  && !(to in layer)) complain("write the directory: " path)
	else if (!(to in layer)) complain("unknown directory: " path)
	else if (layer[to] > layer[own]) complain(own " (layer " layer[own] ") includes " path " (layer " layer[to] ")")
	else if (layer[own] ~ /[56]/ && layer[to] == 3) complain(own " sees snapshots alone, but includes " path)
}
function angled(path,   prefix) {
	for (prefix in owner)
		if (index(path, prefix) == 1 && index(" " owner[prefix] " ", " " own " ") == 0)
			complain("<" path "> belongs to " owner[prefix] " alone")
}
FNR == 1 {
	own = unit(FILENAME)
	if (!(own in layer)) { complain("in no layer: " own); nextfile }
}
/^[ \t]*#[ \t]*include[ \t]*"/ { split($0, part, "\""); quoted(part[2]) }
/^[ \t]*#[ \t]*include[ \t]*</ { split($0, part, /[<>]/); angled(part[2]) }
END { exit bad }'
