#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two VMs of one name, of which one restarts, and a service that restarts fight with a third VM. No
# series is on the page twice, a real Prometheus stores every sample, and what it has of the blame sums
# to the ready time that it has.
#
# oracle: vm_cpu_blame_seconds_total: its sum is ready time as a Prometheus stores both
set -uo pipefail
if [ "${PRIVATE:-}" != yes ]; then
	exec env PRIVATE=yes unshare --mount --propagation private "$0"
fi
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

skip() {
	echo "$*"
	exit 77
}

fail() {
	echo "$*"
	[ ! -e "$TEST_TMP/page" ] || grep 'vm_cpu_blame_sec' "$TEST_TMP/page"
	exit 1
}

[ "$(id -u)" = 0 ] || skip "needs root"
for program in prometheus qemu-system-x86_64 curl python3 taskset; do
	command -v $program >/dev/null || skip "$program is not installed"
done
mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system may be mounted"
tree=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[ -n "$tree" ] || skip "no unified cgroup tree is mounted"
group=$tree/kvmlens-same-name
cpu=$(($(nproc) - 1))
printf '\xeb\xfe%508s\x55\xaa' '' >"$TEST_TMP/spin.img"

finish() {
	# shellcheck disable=SC2046 # words are wanted
	kill "${service:-}" $(jobs -p) 2>/dev/null
	wait
	rmdir "$group" 2>/dev/null
}
trap finish EXIT

# start_guest NAME UUID: a boot sector that loops, all on one CPU; its pid is in $guest.
start_guest() {
	taskset -c $cpu qemu-system-x86_64 -accel tcg,thread=single -m 16 -nodefaults -no-user-config -display none \
		-boot a -drive "file=$TEST_TMP/spin.img,format=raw,if=floppy,file.locking=off" \
		-name "guest=$1,debug-threads=on" -uuid "$2" \
		-qmp "unix:$TEST_TMP/$2.qmp,server=on,wait=off" >/dev/null 2>&1 &
	guest=$!
}

service_start() {
	mkdir -p "$group" || fail "no group can be made"
	taskset -c $cpu sh -c 'while :; do :; done' &
	service=$!
	echo $service >"$group/cgroup.procs" || fail "nothing may join the group"
}

service_stop() {
	kill $service
	wait $service
	for _ in 1 2 3 4 5 6 7 8 9 10; do rmdir "$group" && return; sleep 0.1; done
	fail "the group stays"
}

page() {
	curl -sf "$AGENT_URL/metrics" >"$TEST_TMP/page" || fail "no page"
	if grep -v '^#' "$TEST_TMP/page" | sed 's/ [^ ]*$//' | sort | uniq -d | grep .; then
		fail "series that are there twice"
	fi
}

# Wait for a line of the page; each page on the way is checked.
until_page() {
	local i
	for ((i = 0; i < 100; i++)); do
		page
		grep -qE "$1" "$TEST_TMP/page" && return
		sleep 0.2
	done
	fail "no line is $1"
}

qmp() {
	python3 - "$TEST_TMP/$1.qmp" "$2" <<'END'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rw")
for command in ("qmp_capabilities", sys.argv[2]):
	f.readline()
	f.write(json.dumps({"execute": command}) + "\n")
	f.flush()
f.readline()
END
}

uuid=44444444-2222-4333-8444-55555555555
web_a=aaaaaaaa-2222-4333-8444-555555555551 web_b=bbbbbbbb-2222-4333-8444-555555555552
blame='^vm_cpu_blame_seconds_total\{vm="same-victim",uuid="[^"]*",by='
start_guest same-victim ${uuid}0
start_guest same-web $web_a
agent_start "$TEST_TMP/agent.log" --detail diagnostic --interval 500ms --provider proc || fail "no agent"
service_start
until_page "$blame\"vm:same-web\""
start_guest same-web $web_b
until_page "$blame\"vm:same-web#bbbbbbbb\""
until_page "$blame\"vm:same-web#aaaaaaaa\""
until_page "$blame\"cgroup:/kvmlens-same-name\""
once=$(sed -nE "s|$blame\"cgroup:/kvmlens-same-name\"\} ||p" "$TEST_TMP/page")

port=$(free_port)
cat >"$TEST_TMP/prometheus.yml" <<END
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: kvmlens
  static_configs: [{targets: ["${AGENT_URL#http://}"]}]
- job_name: itself
  static_configs: [{targets: ["127.0.0.1:$port"]}]
END
prometheus --config.file="$TEST_TMP/prometheus.yml" --storage.tsdb.path="$TEST_TMP/tsdb" \
	--web.listen-address="127.0.0.1:$port" >"$TEST_TMP/prometheus.log" 2>&1 &

# The service and one of the two VMs restart, the VM in its old place and then alone.
service_stop
service_start
kill -9 $guest
start_guest same-web $web_b
for _ in 1 2 3 4 5 6 7 8 9 10; do page; sleep 0.3; done
again=$(sed -nE "s|$blame\"cgroup:/kvmlens-same-name\"\} ||p" "$TEST_TMP/page")
python3 -c "import sys; sys.exit(not $again > $once)" ||
	fail "the service's blame was $once and is $again after its restart"
kill -9 $guest
service_stop
# A vCPU that is stopped waits for nothing: all its waits have ended.
qmp ${uuid}0 stop || fail "the victim cannot be stopped"
page

query() {
	curl -sfG "http://127.0.0.1:$port/api/v1/query" --data-urlencode "query=$1" |
		python3 -c 'import json, sys
result = json.load(sys.stdin)["data"]["result"]
print(result[0]["value"][1] if result else "none")' 2>/dev/null || echo none
}

sum='sum(vm_cpu_blame_seconds_total{vm="same-victim"})'
off="abs($sum / scalar(sum(vm_cpu_ready_seconds_total{vm=\"same-victim\"})) - 1) < bool 0.00000001"
for ((i = 0; i < 40; i++)); do
	[ "$(query "changes(vm_cpu_ready_seconds_total{vm=\"same-victim\"}[3s])")" = 0 ] && [ "$(query "$off")" = 1 ] && break
	sleep 0.5
done
echo "Prometheus has $(query "$sum") s of blame and $(query 'sum(vm_cpu_ready_seconds_total{vm="same-victim"})') s of ready time"
[ "$(query "$off")" = 1 ] || fail "that is not the same"
# Of two samples of one series Prometheus drops one, and counts it here.
[ "$(query prometheus_target_scrapes_sample_duplicate_timestamp_total)" = 0 ] ||
	fail "Prometheus dropped samples: $(query prometheus_target_scrapes_sample_duplicate_timestamp_total)"
[ "$(query 'kvmlens_lost_total{reason="duplicate_series"}')" = 0 ] || fail "series had to be left out"
# Alone, and each of the two.
names='count(vm_cpu_blame_seconds_total{vm="same-victim",by=~"vm:same-web[^/]*"})'
[ "$(query "$names")" = 3 ] || fail "$(query "$names") series of same-web's vCPUs, not 3"
agent_stop
