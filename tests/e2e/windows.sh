#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run, ready, halted and other time of each vCPU are 100 percent of one and the same window, second by
# second, on a host with far more to run than CPUs, where many threads wake up and migrate, and where the
# agent itself is preempted between reading one VM and the next; and no share is above 100 percent.
set -uo pipefail
if [ "${PRIVATE:-}" != yes ]; then
	exec env PRIVATE=yes unshare --mount --propagation private "$0"
fi
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for program in qemu-system-x86_64 curl python3; do
	command -v $program >/dev/null || { echo "$program is not installed"; exit 77; }
done
mount -t bpf bpf /sys/fs/bpf || { echo "no BPF file system may be mounted"; exit 77; }
# shellcheck disable=SC2046 # words are wanted
trap 'kill -9 $(jobs -p) 2>/dev/null; wait 2>/dev/null' EXIT
printf '\xeb\xfe%508s\x55\xaa' '' >"$TEST_TMP/spin.img"

start_guest() {
	qemu-system-x86_64 -accel "$2" -smp "$3" -m 16 -nodefaults -no-user-config -display none -boot a \
		-drive "file=$TEST_TMP/spin.img,format=raw,if=floppy,file.locking=off" \
		-name "guest=$1,debug-threads=on" >/dev/null 2>&1 &
}

for i in 1 2 3 4 5; do start_guest "spin$i" tcg,thread=multi 2; done
[ ! -w /dev/kvm ] || for i in 1 2; do start_guest "kvm$i" kvm 1; done
for ((i = 0; i < 5 * $(nproc); i++)); do
	sh -c 'while :; do :; done' &
done
# Pairs that wake each other up as fast as they can.
for i in 1 2; do
	python3 - <<'END' &
import os, threading, time

def pair():
    a, b = os.pipe()
    c, d = os.pipe()

    def answer():
        while os.read(a, 1):
            os.write(d, b"x")

    threading.Thread(target=answer, daemon=True).start()
    os.write(b, b"x")
    while os.read(c, 1):
        os.write(b, b"x")

for _ in range(8):
    threading.Thread(target=pair, daemon=True).start()
time.sleep(90)
END
done
agent_start "$TEST_TMP/agent.log" --detail detailed --interval 1s --provider proc || exit 1

python3 - "$AGENT_URL" <<'END'
import re, sys, time, urllib.request

TICKS = 10
part = re.compile(r'^vm_cpu_core_(run|ready|halted|other)_seconds_total\{(.*)\} (\S+)$', re.M)
share = re.compile(r'^(vm_cpu_(?:core_)?(?:usage|[a-z]+_time|aggressor_time|ready_cause)\{.*\}) (\S+)$', re.M)

def page():
    text = urllib.request.urlopen(sys.argv[1] + "/metrics").read().decode()
    number = lambda name: float(re.search(rf"^{name} (\S+)$", text, re.M).group(1))
    vcpus = {}
    for name, labels, value in part.findall(text):
        vcpus.setdefault(labels, {})[name] = float(value)
    return number("kvmlens_ticks_total"), number("kvmlens_uptime_seconds"), vcpus, share.findall(text)

last, windows, bad = page(), [], []
deadline = time.time() + 60
while len({tick for tick, _ in windows}) < TICKS:
    assert time.time() < deadline, "the agent does not tick"
    now = page()
    if now[0] == last[0]:
        time.sleep(0.05)
        continue
    if now[0] == last[0] + 1 and now[0] > 4:
        for labels, parts in now[2].items():
            was = last[2].get(labels, {})
            if len(parts) == 4 and len(was) == 4:
                sum_ = 100 * sum(parts[p] - was[p] for p in parts) / (now[1] - last[1])
                windows.append((now[0], sum_))
                if not 99.5 <= sum_ <= 100.5:
                    bad.append((now[0], labels, sum_))
        above = [(name, value) for name, value in now[3] if float(value) > 100]
        assert not above, above[:10]
    last = now
sums = [s for _, s in windows]
load = open("/proc/loadavg").read().split()[0]
print(f"{len(sums)} windows of vCPUs at load {load}: from {min(sums):.4f} to {max(sums):.4f} percent")
assert len(sums) >= 10 * TICKS, "too few vCPUs: this proves nothing"
# A thread that gets its CPU while the tick reads it may have its wait in the next window instead: then the two of
# them make up for each other, and it is rare. What is lost or counted twice does neither.
off = {}
for tick, labels, value in bad:
    off.setdefault(labels, []).append((tick, value))
assert len(bad) <= len(windows) // 50, bad[:10]
for labels, found in off.items():
    for tick, value in found:
        near = [v for t, v in found if abs(t - tick) == 1]
        assert tick in (min(t for t, _ in windows), max(t for t, _ in windows)) or \
            any(abs(value + v - 200) < 1 for v in near), (labels, found)
END
status=$?
agent_stop
exit $status
