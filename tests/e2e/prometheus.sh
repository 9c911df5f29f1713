#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real Prometheus scrapes the running agent: no target error, every sample stored, values that
# agree with another witness, types as the catalogue has them. Before that, promtool looks at the
# page of every detail level. VMs with hostile names are there all the while.
#
# oracle: host_cpu_online: getconf _NPROCESSORS_ONLN
# oracle: vm_up vm_cpu_vcpus vm_info: the guests' command lines
# oracle: kvmlens_web_restarts_total: the kill of this test
# oracle: kvmlens_ticks_total: the interval, by the clock of Prometheus
set -uo pipefail
# A BPF file system of its own: another agent may run on this host, with its pins.
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
	tail -n 20 "$TEST_TMP"/*.log
	exit 1
}

[ "$(id -u)" = 0 ] || skip "needs root"
for program in prometheus promtool qemu-system-x86_64 curl python3; do
	command -v $program >/dev/null || skip "$program is not installed"
done
mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system may be mounted"
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT

uuid=11111111-2222-4333-8444-55555555555
hostile=$'a "quoted" \\ name\nwith # TYPE vm_up counter\nvm_up 7'
qemu-system-x86_64 -machine accel=tcg -display none -S -nodefaults -m 16 -smp 2 \
	-name "guest=plain,debug-threads=on" -uuid ${uuid}1 &
qemu-system-x86_64 -machine accel=tcg -display none -S -nodefaults -m 16 -smp 1 \
	-name "${hostile//,/ }" -uuid ${uuid}2 &

for level in basic standard detailed diagnostic; do
	agent_start "$TEST_TMP/agent-$level.log" --detail "$level" --interval 500ms
	agent_wait_metric '^vm_up\{vm="plain"' || fail "no VM at level $level"
	for type in text/plain application/openmetrics-text; do
		curl -sf -H "Accept: $type" "$AGENT_URL/metrics" >"$TEST_TMP/page" || fail "no $type"
	done
	curl -sf "$AGENT_URL/metrics" >"$TEST_TMP/page-$level"
	promtool check metrics <"$TEST_TMP/page-$level" >"$TEST_TMP/lint" 2>&1 ||
		fail "promtool at level $level: $(cat "$TEST_TMP/lint")"
	[ ! -s "$TEST_TMP/lint" ] || fail "promtool at level $level: $(cat "$TEST_TMP/lint")"
	echo "level $level: $(grep -vc '^#' "$TEST_TMP/page-$level") series, no complaint"
	[ $level = diagnostic ] || agent_stop
done
cut -d'{' -f1 "$TEST_TMP/page-diagnostic" | grep -q '^vm_up 7$' && fail "a name became a sample"

port=$(free_port)
cat >"$TEST_TMP/prometheus.yml" <<END
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: kvmlens
  static_configs: [{targets: ["${AGENT_URL#http://}"]}]
END
prometheus --config.file="$TEST_TMP/prometheus.yml" --storage.tsdb.path="$TEST_TMP/tsdb" \
	--web.listen-address="127.0.0.1:$port" >"$TEST_TMP/prometheus.log" 2>&1 &

# The number that a query gives, of its first series.
query() {
	curl -sfG "http://127.0.0.1:$port/api/v1/query" --data-urlencode "query=$1" |
		python3 -c 'import json, sys
result = json.load(sys.stdin)["data"]["result"]
print(result[0]["value"][1] if result else "none")' 2>/dev/null || echo none
}

# Wait until a query gives something that matches.
until_query() {
	local i
	for ((i = 0; i < 120; i++)); do
		[[ $(query "$1") =~ $2 ]] && return
		sleep 0.5
	done
	fail "$1 gives $(query "$1"), not $2"
}

expect() {
	local got
	got=$(query "$1")
	[ "$got" = "$2" ] || fail "$1 gives $got, not $2"
	echo "$1 is $got"
}

until_query 'count_over_time(up{job="kvmlens"}[1m])' '^([6-9]|[1-9][0-9]+)$'
expect 'min_over_time(up{job="kvmlens"}[1m])' 1
# Whatever was scraped was stored: no sample twice, none out of order, none cut off.
expect 'sum(scrape_samples_scraped{job="kvmlens"} - scrape_samples_post_metric_relabeling)' 0
expect 'host_cpu_online' "$(getconf _NPROCESSORS_ONLN)"
expect "count(vm_up{uuid=~\"$uuid.\"} == 1)" 2
expect "vm_cpu_vcpus{uuid=\"${uuid}1\"}" 2
expect "count(vm_info{uuid=~\"$uuid.\"})" 2
until_query 'increase(kvmlens_ticks_total[5s])' '^([5-9]|1[0-9])'
# Values as the agent has them, histograms whole.
expect 'count(vm_cpu_wake_latency_seconds_bucket{le="+Inf"} != vm_cpu_wake_latency_seconds_count)' none

curl -sf "http://127.0.0.1:$port/api/v1/targets" >"$TEST_TMP/targets"
python3 - "$TEST_TMP/targets" <<'END' || fail "the target is not well"
import json, sys
targets = json.load(open(sys.argv[1]))["data"]["activeTargets"]
assert len(targets) == 1 and targets[0]["health"] == "up" and not targets[0]["lastError"], targets
END
# Types by the catalogue, as Prometheus understood them.
curl -sf "http://127.0.0.1:$port/api/v1/metadata" >"$TEST_TMP/metadata"
"$KVMLENS" metrics --catalog --format json >"$TEST_TMP/catalog" || fail "no catalogue"
python3 - "$TEST_TMP/metadata" "$TEST_TMP/catalog" <<'END' || fail "types differ"
import json, sys
metadata = json.load(open(sys.argv[1]))["data"]
seen = 0
for metric in json.load(open(sys.argv[2])):
	name = metric["prometheus"]
	# OpenMetrics has its own names for families.
	for known in (name, name.removesuffix("_total"), name.removesuffix("_info")):
		if known in metadata:
			kinds = {entry["type"] for entry in metadata[known]}
			kind = "info" if known != name and name.endswith("_info") else metric["kind"]
			assert kinds == {kind}, (name, kinds)
			seen += 1
			break
print(f"{seen} metrics have the type of the catalogue")
assert seen > 60, seen
END

# The face is lost and comes back: one scrape is missed at most, and it is told.
kill -9 "$(pgrep -P "$AGENT_PID" kvmlens-web)" || fail "no face below the agent"
until_query 'kvmlens_web_restarts_total' '^1$'
sleep 2
expect 'up{job="kvmlens"}' 1
grep -iE 'error|warn' "$TEST_TMP/prometheus.log" | grep -i 'scrape\|append' && fail "Prometheus complains"
agent_stop
echo "scraped by $(prometheus --version 2>&1 | head -n 1)"
