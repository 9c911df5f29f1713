#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Clients that hold the face's connections: slow-loris, which sends a header every now and then, and
# ten thousand connections that send nothing. /healthz and /metrics are answered meanwhile, before
# and after alike, and neither the face nor the agent grows by it.
set -uo pipefail
# shellcheck source=tests/e2e/lib/agent.sh
. "$TOP/tests/e2e/lib/agent.sh"

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
# What the agent pins is pinned in a file system of this test's own.
if [ -z "${HOSTILE_PRIVATE:-}" ]; then
	HOSTILE_PRIVATE=yes exec unshare --mount --propagation private "$0"
fi
mount -t bpf bpf /sys/fs/bpf || { echo "no BPF file system may be mounted"; exit 77; }
[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 12000 ] || { echo "needs 12000 descriptors"; exit 77; }
trap '[ -z "${AGENT_PID:-}" ] || agent_stop' EXIT
ulimit -n "$(ulimit -Hn)"
agent_start "$TEST_TMP/agent.log" --interval 500ms --store none --control none --provider proc || exit
python3 - "$AGENT_URL" "$AGENT_PID" <<'END'
import http.client, resource, socket, sys, threading, time, os, glob

host, port = sys.argv[1].removeprefix("http://").split(":")
agent = int(sys.argv[2])
n = 0

def check(name, ok, note=""):
    global n
    n += 1
    print(("ok" if ok else "not ok"), n, "-", name, flush=True)
    if not ok:
        print("#", note)

def face():
    for path in glob.glob(f"/proc/{agent}/task/*/children"):
        for pid in open(path).read().split():
            if b"--web" in open(f"/proc/{pid}/cmdline", "rb").read() or "web" in open(f"/proc/{pid}/comm").read():
                return int(pid)

def resident(pid):
    return int([l for l in open(f"/proc/{pid}/status") if l.startswith("VmRSS")][0].split()[1])

# Of so many requests from another address: how many were answered with 200, and the slowest.
def ask(path, times):
    good, worst = 0, 0
    for _ in range(times):
        begin = time.monotonic()
        try:
            c = http.client.HTTPConnection(host, int(port), timeout=5, source_address=("127.0.0.9", 0))
            c.request("GET", path)
            r = c.getresponse()
            r.read()
            good += r.status == 200
            c.close()
        except OSError:
            pass
        worst = max(worst, time.monotonic() - begin)
        time.sleep(0.05)
    return good, worst

before = ask("/healthz", 20)
check("answered before", before[0] == 20, before)
pid, rss, rss_agent = face(), resident(face()), resident(agent)

stop = False
def loris():
    held = []
    while not stop:
        while len(held) < 300:
            s = socket.socket()
            s.bind(("127.0.0.2", 0))
            try:
                s.settimeout(1)
                s.connect((host, int(port)))
                s.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n")
                held.append(s)
            except OSError:
                s.close()
                break
        for s in list(held):
            try:
                s.send(b"X-a: b\r\n")
            except OSError:
                held.remove(s)
                s.close()
        time.sleep(0.1)
    for s in held:
        s.close()

thread = threading.Thread(target=loris)
thread.start()
time.sleep(1)
during = ask("/healthz", 40)
check("/healthz beside slow-loris", during[0] == 40 and during[1] < 3, during)
during = ask("/metrics", 20)
check("/metrics beside slow-loris", during[0] == 20 and during[1] < 3, during)
stop = True
thread.join()

# Ten thousand connections from a hundred addresses, opened as fast as they are taken, none closed
# by this side.
crowd, opened = [], 0
result = []
watch = threading.Thread(target=lambda: result.append(ask("/healthz", 60)))
watch.start()
for i in range(10000):
    s = socket.socket()
    s.bind((f"127.0.1.{i % 100 + 1}", 0))
    s.setblocking(False)
    try:
        s.connect((host, int(port)))
    except BlockingIOError:
        pass
    except OSError:
        s.close()
        continue
    opened += 1
    crowd.append(s)
    if i % 100 == 99:
        time.sleep(0.02)
watch.join()
check("ten thousand connections are opened", opened >= 9000, opened)
check("/healthz beside them", result[0][0] >= 58 and result[0][1] < 5, result)
held = ask("/healthz", 20)
check("/healthz while they are held", held[0] == 20, held)
check("the face is the same", face() == pid)
check("and has not grown by more than 16 MB", resident(pid) < rss + 16384, (rss, resident(pid)))
check("nor has the agent", resident(agent) < rss_agent + 16384, (rss_agent, resident(agent)))
for s in crowd:
    s.close()
after = ask("/healthz", 20)
check("answered after", after[0] == 20, after)
print(f"1..{n}")
END
