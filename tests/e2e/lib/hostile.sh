# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Processes of an ordinary user that attack the agent, sourced by the tests of that. Needs TEST_TMP.
#
#   hostile_init                 the place of it all, DIR, which the user can use; what is pinned is
#                                pinned in a file system of the test's own
#   fake NAME OPTION...          start a fake as USER; NAME tells its readiness; sets FAKE_PID. What
#                                it does is in FAKE_*, see fake_vmm.py
#   check DESCRIPTION COMMAND... one test
#   page                         take /metrics into DIR/page
#   value METRIC TEXT...         the value of the only series whose labels hold each text, else ""
#   until_true SECONDS COMMAND...
#   finish                       the exit status

USER_ID=54321
PYTHON=$(readlink -f /usr/bin/python3)
pids=() tests=0 failures=0 AGENT_PID=''

hostile_init() {
	DIR=$(mktemp -d /tmp/kvmlens-hostile.XXXXXX)
	chmod 755 "$DIR"
	mkdir -m 1777 "$DIR/tmp"
	mkdir "$DIR/bin"
	cp "$PYTHON" "$DIR/bin/qemu-system-x86_64"
	cp "$TOP/tests/e2e/lib/fake_vmm.py" "$DIR/fake_vmm.py"
	chmod 755 "$DIR/bin" "$DIR/bin/qemu-system-x86_64" "$DIR/fake_vmm.py"
	trap hostile_cleanup EXIT
	mount -t bpf bpf /sys/fs/bpf || { echo "no BPF file system may be mounted"; exit 77; }
}

hostile_cleanup() {
	local pid
	[ -z "$AGENT_PID" ] || agent_stop
	for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$DIR"
}

fake() {
	local name=$1 i
	shift
	rm -f "$DIR/tmp/$name.ready"
	# In the shell's place, so that the process is the fake itself.
	FAKE_READY=$DIR/tmp/$name.ready PYTHONHOME=/usr setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups \
		"$DIR/bin/qemu-system-x86_64" "$DIR/fake_vmm.py" "$@" </dev/null >"$DIR/tmp/$name.log" 2>&1 &
	FAKE_PID=$!
	pids+=("$FAKE_PID")
	for ((i = 0; i < 100; i++)); do
		[ ! -e "$DIR/tmp/$name.ready" ] || return 0
		sleep 0.1
	done
	echo "# the fake does not start: $(cat "$DIR/tmp/$name.log")"
	return 1
}

check() {
	local what=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests - $what"
	else
		failures=$((failures + 1))
		echo "not ok $tests - $what"
	fi
}

page() {
	curl -sf --max-time 10 "$AGENT_URL/metrics" >"$DIR/page"
}

value() {
	local metric=$1 text
	local -a args=()
	shift
	for text in "$@"; do args+=("$text"); done
	page && python3 - "$DIR/page" "$metric" "${args[@]}" <<-'END'
		import sys
		page, metric, *texts = sys.argv[1:]
		found = [line.rsplit(" ", 1)[1].strip() for line in open(page, encoding="utf-8")
		         if line.startswith((metric + "{", metric + " ")) and all(t in line for t in texts)]
		print(found[0] if len(found) == 1 else "")
	END
}

until_true() {
	local i n=$(($1 * 4))
	shift
	for ((i = 0; i < n; i++)); do
		"$@" && return
		sleep 0.25
	done
	return 1
}

finish() {
	[ $failures -eq 0 ]
}
