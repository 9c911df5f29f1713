#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The face behind TLS, client certificates and passwords, by the file that Prometheus' exporters
# take: openssl, curl and a real Prometheus with the same settings are served, others are not; a
# renewed certificate is served without a restart; who guesses, calls it by a foreign name, or
# holds connections open, costs nobody else an answer.
# oracle: kvmlens_web_unauthorized_total: the wrong passwords that this test sent
set -uo pipefail
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
for tool in openssl curl prometheus; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
# What the agent pins is pinned in a file system of this test's own.
if [ -z "${TLS_PRIVATE:-}" ]; then
	TLS_PRIVATE=yes exec unshare --mount --propagation private "$0"
fi
mount -t bpf bpf /sys/fs/bpf || { echo "no BPF file system may be mounted"; exit 77; }

n=0 prometheus_pid=
t() {
	n=$((n + 1))
	if "${@:2}"; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		tail -n 5 "$TEST_TMP"/*.log
	fi
}

cleanup() {
	[ -z "${AGENT_PID:-}" ] || agent_stop
	[ -z "$prometheus_pid" ] || kill "$prometheus_pid"
}
trap cleanup EXIT
cd "$TEST_TMP" || exit

# cert NAME SUBJECT [CA]: a key and a certificate, signed by the CA or by itself.
cert() {
	local sign=()
	[ $# -lt 3 ] || sign=(-CA "$3.crt" -CAkey "$3.key")
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$2" \
		-addext "subjectAltName=DNS:localhost,IP:127.0.0.1" "${sign[@]}" \
		-keyout "$1.key" -out "$1.crt" 2>/dev/null
}
cert ca kvmlens-test-ca
cert server first ca
cert client prometheus ca
cert stranger stranger
hash=$(python3 -W ignore -c 'import crypt; print(crypt.crypt("s3cret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=2**8)))')
cat >web.yml <<END
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  min_version: TLS12
basic_auth_users:
  prom: $hash
END
chmod 600 server.key web.yml
port=$(free_port)
cat >agent.yaml <<END
http: {web_config: $TEST_TMP/web.yml}
END

"$KVMLENS" run --config agent.yaml --listen "127.0.0.1:$port" --interval 500ms --store none --control none \
	--provider proc >agent.log 2>&1 &
AGENT_PID=$!
url=https://localhost:$port

code() {
	curl -s -m 10 -o body -w '%{http_code}' --cacert ca.crt "$@"
}
good=(-u prom:s3cret)
until_code() {
	local want=$1 i
	shift
	for ((i = 0; i < 60; i++)); do
		[ "$(code "$@")" = "$want" ] && return
		sleep 0.25
	done
	echo "curl $*: $(code "$@")"
	return 1
}
is() { [ "$1" = "$2" ] || { echo "got $1, not $2"; return 1; }; }

t "name and password over TLS are served" until_code 200 "${good[@]}" "$url/metrics"
t "no password, no answer" is "$(code "$url/metrics")" 401
t "nor is there health without one" is "$(code "$url/healthz")" 401
t "a wrong one is none" is "$(code -u prom:wrong "$url/metrics")" 401
t "TLS is not optional" eval '! curl -s -m 5 "http://localhost:$port/metrics" >plain'
t "TLS 1.1 is refused" eval '! openssl s_client -connect "localhost:$port" -tls1_1 -cipher ALL:@SECLEVEL=0 </dev/null >tls11 2>&1'
t "TLS 1.2 and 1.3 are spoken" eval '
	for v in tls1_2 tls1_3; do
		openssl s_client -connect "localhost:$port" -$v -CAfile ca.crt -verify_return_error </dev/null >$v 2>&1 || exit 1
	done'
# The face: the only child that another user runs.
# shellcheck disable=SC2034 # in text that is evaluated
face=$(for p in /proc/[0-9]*; do [ "$(awk '$1 == "PPid:" { print $2 }' "$p/status" 2>/dev/null)" = "$AGENT_PID" ] && echo "${p#/proc/}"; done | head -n 1)
t "the key's file is not the face's to read" eval '
	[ -n "$face" ] && [ "$(awk "\$1 == \"Uid:\" { print \$2 }" "/proc/$face/status")" = 65521 ] &&
		! readlink "/proc/$face/fd"/* | grep -q server.key && [ -z "$(ls "/proc/$face/root/")" ]'
t "a foreign name is misdirected" is \
	"$(code "${good[@]}" --connect-to "evil.example:$port:localhost:$port" -k "https://evil.example:$port/metrics")" 421

cat >prometheus.yml <<END
global: {scrape_interval: 1s}
scrape_configs:
- job_name: kvmlens
  scheme: https
  tls_config: {ca_file: $TEST_TMP/ca.crt, cert_file: $TEST_TMP/client.crt, key_file: $TEST_TMP/client.key, server_name: localhost}
  basic_auth: {username: prom, password: s3cret}
  static_configs: [{targets: ["127.0.0.1:$port"]}]
END
web_port=$(free_port)
prometheus --config.file=prometheus.yml --storage.tsdb.path=tsdb --web.listen-address="127.0.0.1:$web_port" >prometheus.log 2>&1 &
prometheus_pid=$!
# True once Prometheus says that its target is up, as it says it since the time given.
scraped() {
	local i
	for ((i = 0; i < 60; i++)); do
		curl -s -m 3 "http://127.0.0.1:$web_port/api/v1/targets" >targets
		python3 - "$1" <<-'END' && return
			import json, sys
			t = json.load(open("targets"))["data"]["activeTargets"][0]
			sys.exit(not (t["health"] == "up" and t["lastScrape"] > sys.argv[1]))
		END
		sleep 0.5
	done 2>/dev/null
	head -c 600 targets
	return 1
}
t "Prometheus scrapes it" scraped 2000

cert server second ca
t "a renewed certificate is served without a restart" eval '
	for ((i = 0; i < 40; i++)); do
		openssl s_client -connect "localhost:$port" -CAfile ca.crt </dev/null 2>/dev/null | grep -q "CN = second" && break
		sleep 0.25
	done
	[ $i -lt 40 ]'
t "and Prometheus goes on" scraped "$(date -u +%FT%TZ)"

cp web.yml right.yml
echo 'tls_server_config: {cert_file: missing.crt, key_file: server.key}' >web.yml
t "a wrong file changes nothing" eval '
	for ((i = 0; i < 40; i++)); do grep -q "missing.crt.*stays in use" agent.log && break; sleep 0.25; done
	[ $i -lt 40 ] && until_code 200 "${good[@]}" "$url/metrics"'

sed "s/  min_version: TLS12/  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt/" right.yml >web.yml
# No certificate may already be refused in the handshake: 000, or then 403.
without() {
	local i got
	for ((i = 0; i < 60; i++)); do
		got=$(code "$@" "${good[@]}" "$url/metrics")
		[[ $got == 403 || $got == 000 ]] && return
		sleep 0.25
	done
	echo "got $got"
	return 1
}
t "a client certificate is asked for" without
t "one of another CA is refused" without --cert stranger.crt --key stranger.key
t "one of this CA is served" until_code 200 --cert client.crt --key client.key "${good[@]}" "$url/metrics"
t "Prometheus has one" scraped "$(date -u +%FT%TZ)"

cp right.yml web.yml
t "the first settings again" until_code 200 "${good[@]}" "$url/metrics"
t "who guesses is made to wait" eval '
	for ((i = 0; i < 12; i++)); do code -u "prom:guess$i" "$url/metrics" >>guesses; echo >>guesses; done
	grep -q 429 guesses'
t "and costs who knows nothing" is "$(code "${good[@]}" "$url/metrics")" 200
t "guesses are counted" eval '
	sleep 1.5; code "${good[@]}" "$url/metrics" >/dev/null
	[ "$(awk "\$1 == \"kvmlens_web_unauthorized_total\" { print \$2 }" body)" -ge 5 ]'
echo "1..$n"
